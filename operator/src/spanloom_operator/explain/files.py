"""Files, directories and standard input, as `kubectl -f` names them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from spanloom_operator.explain.problems import ExplainError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STDIN = "-"
SUFFIXES = frozenset({".json", ".yaml", ".yml"})


def read_texts(names: Sequence[str], *, recursive: bool) -> Iterator[tuple[str, str] | ExplainError]:
    """Yield name and text of every file; an ExplainError in place of one that cannot be read."""
    for name in names:
        try:
            files = [name] if name == STDIN else _files(Path(name), recursive=recursive)
        except OSError as error:
            yield ExplainError(f"{name}: {error.strerror}")
        else:
            yield from map(_read, files)


def _read(file: str | Path) -> tuple[str, str] | ExplainError:
    try:
        return str(file), _text(file)
    except OSError as error:
        return ExplainError(f"{file}: {error.strerror}")
    except ValueError:
        return ExplainError(f"{file}: not a text file in UTF-8")


def _files(path: Path, *, recursive: bool) -> Sequence[str | Path]:
    """Return the manifests of a directory in the order of their names, or the file itself."""
    if not path.is_dir():
        return [path]
    found = path.rglob("*") if recursive else path.iterdir()
    return sorted(file for file in found if file.suffix in SUFFIXES and file.is_file())


def _text(file: str | Path) -> str:
    return sys.stdin.buffer.read().decode("utf-8-sig") if file == STDIN else Path(file).read_text(encoding="utf-8-sig")
