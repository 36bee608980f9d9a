"""The rules of tests/support."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.paths import TESTS
from support.source import imports, python_files

SUITES = sorted(folder.name for folder in TESTS.iterdir() if folder.is_dir() and folder.name != "support")
HELPERS = [path for path in python_files() if path.is_relative_to(TESTS / "support")]


@pytest.mark.parametrize("path", HELPERS, ids=lambda path: str(Path(path).relative_to(TESTS)))
def test_no_helper_imports_a_suite(path: Path) -> None:
    """A suite can be changed or removed without breaking another: helpers import helpers and products only."""
    assert set() == {name for name in imports(path) if name.split(".")[0] in SUITES}
