"""Commands of a page, typed in one shell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.paths import ROOT

PROLOGUE = "set -meo pipefail\ntrap exit TERM\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"


def typed(commands: str, seconds: int = 200) -> str:
    """Run commands in one bash, for at most `seconds`; return their output, AssertionError with it if one fails.

    None of their processes outlives it. The project's console scripts are on PATH.
    """
    command = ["timeout", "--kill-after=5", str(seconds), "bash", "-c", PROLOGUE + commands]
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
