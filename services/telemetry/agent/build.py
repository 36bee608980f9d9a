"""Build the agent into a directory: `python services/telemetry/agent/build.py DIRECTORY [PYTHON ...]`.

The directory holds sitecustomize.py and one package under a private name, so that nothing of it has a name that an
application could import. The sources are those of the distribution, with the name of their package replaced.

Each PYTHON is a command, such as python3.12, whose bytecode is added: an application cannot write it to a read-only
volume, and would compile the sources at every start. Other Pythons do so, and work.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SPANLOOM = HERE.parent / "src/spanloom"
ROOMS = ("core", "settings", "runtime", "instrumentation", "api", "agent")
PRIVATE = "_spanloom_agent"
IMPORTS = re.compile(r"^(\s*(?:from|import) )spanloom\b", re.MULTILINE)
# Without docstrings (optimization level 2), under the name of ordinary bytecode. Python does not compare it with its
# source, whose time is another one in each copy.
COMPILE = """
import py_compile, sys
from importlib.util import cache_from_source as cache
for file in sys.argv[1:]:
    py_compile.compile(file, cache(file, optimization=""), file, True, 2, py_compile.PycInvalidationMode.UNCHECKED_HASH)
"""


def build(target: Path, pythons: list[str]) -> None:
    """Write the agent, with the bytecode of these Pythons, to `target`, which is emptied first."""
    shutil.rmtree(target, ignore_errors=True)
    for room in ROOMS:
        shutil.copytree(SPANLOOM / room, target / PRIVATE / room, ignore=shutil.ignore_patterns("__pycache__"))
    for source in target.rglob("*.py"):
        source.write_text(IMPORTS.sub(rf"\1{PRIVATE}", source.read_text()))
    shutil.copy(HERE / "sitecustomize.py", target)
    files = sorted(str(path.relative_to(target)) for path in target.rglob("*.py"))
    for python in pythons:
        _compile(python, files, target)


def _compile(python: str, files: list[str], target: Path) -> None:
    """Write the bytecode of a Python. The order of sets in it depends on the seed of hashes."""
    environ = {**os.environ, "PYTHONHASHSEED": "0"}
    subprocess.run([python, "-c", COMPILE, *files], cwd=target, env=environ, check=True)  # noqa: S603 a developer's command


if __name__ == "__main__":
    build(Path(sys.argv[1]), sys.argv[2:])
