"""Functions and files stay short enough to read at once."""

from __future__ import annotations

import ast
from statistics import median, quantiles
from typing import TYPE_CHECKING

from support.source import PACKAGES, ROOT, parsed, python_files, text_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_MEDIAN_LINES = 6
MAX_P90_LINES = 14
MAX_FILE_LINES = 250
GENERATED = ("LICENSE", "uv.lock", "tests/charts/golden/", "docs/pictures/", "helm/prometheus/files/")
"""Files that are not written by hand."""


def function_lengths(paths: list[Path]) -> Iterator[int]:
    """Yield the lines of each function's body, its docstring not counted."""
    for path in paths:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                yield body[-1].end_lineno - body[0].lineno + 1 if body else 0  # type: ignore[operator]


def test_functions_are_short() -> None:
    """In the packages and in the tests: median at most 6 lines, nine of ten at most 14."""
    packages = [path for path in python_files() if any(path.is_relative_to(folder) for folder in PACKAGES.values())]
    tests = [path for path in python_files() if path.is_relative_to(ROOT / "tests")]
    for paths in (packages, tests):
        lengths = list(function_lengths(paths))
        assert median(lengths) <= MAX_MEDIAN_LINES
        assert quantiles(lengths, n=10)[-1] <= MAX_P90_LINES


def test_files_are_short() -> None:
    """No file that is written by hand has more than 250 lines; pages of documentation may."""
    names = {path: str(path.relative_to(ROOT)) for path in text_files()}
    code = {path: name for path, name in names.items() if path.suffix != ".md"}
    written = [path for path, name in code.items() if not name.startswith(GENERATED)]
    assert [] == [names[path] for path in written if len(path.read_text().splitlines()) > MAX_FILE_LINES]
