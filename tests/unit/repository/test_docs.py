"""Generated pages are current."""

from __future__ import annotations

import os
import subprocess
import sys

from support.source import ROOT


def test_make_docs_changes_nothing() -> None:
    """Every generated page is what `make docs` writes."""
    command = [sys.executable, "docs/generator", "--check"]
    environ = {**os.environ, "PYTHONPATH": "tests"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr + done.stdout)
