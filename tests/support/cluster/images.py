"""The images under test."""

import subprocess
from functools import cache

import pytest
from support.paths import ROOT


@cache
def load_images() -> None:
    """Build the images and load them into the nodes of kind, once per test run."""
    done = subprocess.run([ROOT / "deploy" / "images"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(done.stderr.strip(), pytrace=False)
