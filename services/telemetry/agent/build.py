"""Build the agent into a directory: `python services/telemetry/agent/build.py DIRECTORY`.

The directory holds sitecustomize.py and one package under a private name, so that nothing of it has a name that an
application could import. The sources are those of the distribution, with the name of their package replaced.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
SPANLOOM = HERE.parent / "src/spanloom"
ROOMS = ("core", "settings", "runtime", "instrumentation", "api", "agent")
PRIVATE = "_spanloom_agent"
IMPORTS = re.compile(r"^(\s*(?:from|import) )spanloom\b", re.MULTILINE)


def build(target: Path) -> None:
    """Write the agent to `target`, which is emptied first."""
    shutil.rmtree(target, ignore_errors=True)
    for room in ROOMS:
        shutil.copytree(SPANLOOM / room, target / PRIVATE / room, ignore=shutil.ignore_patterns("__pycache__"))
    for source in target.rglob("*.py"):
        source.write_text(IMPORTS.sub(rf"\1{PRIVATE}", source.read_text()))
    shutil.copy(HERE / "sitecustomize.py", target)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
