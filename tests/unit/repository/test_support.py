"""The rules of tests/support."""

from __future__ import annotations

import re
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


NAMED = sorted(set(re.findall(r"`([a-z_]+(?:\.[a-zA-Z_]+)+)", (TESTS / "support/README.md").read_text())))


@pytest.mark.parametrize("name", NAMED)
def test_the_readme_names_what_exists(name: str) -> None:
    """Every helper that the README of tests/support names is defined in its module."""
    module, _, helper = name.rpartition(".")
    text = (TESTS / "support" / module.replace(".", "/")).with_suffix(".py").read_text()
    assert re.search(rf"^(?:(?:def|class) )?{helper}\b|\bimport {helper}$", text, re.MULTILINE)
