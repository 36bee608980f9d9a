"""docs/explain.md: the output of each command in it (`$ …` in a block marked `console`), as the command prints it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explain.md"
BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)


def pages() -> Iterator[tuple[Path, str]]:
    """Yield the file and the text of the page."""
    yield PAGE, BLOCK.sub(lambda block: _with_output(block[0]), PAGE.read_text())


def _with_output(block: str) -> str:
    commands = [line for line in block.splitlines() if line.startswith("$ ")]
    return "".join(f"{command}\n{_output(command.removeprefix('$ '))}" for command in commands)


def _output(command: str) -> str:
    """Run a command at the root of the repository, 80 columns wide and without a kubeconfig."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environ = {"PATH": path, "HOME": "/nonexistent", "COLUMNS": "80"}
    script = ["/bin/bash", "-c", f"exec 2>&1\n{command}"]
    done = subprocess.run(script, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - the page's own
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n"
