"""CONTRIBUTING.md names what exists."""

from __future__ import annotations

import re

import pytest
from support.paths import ROOT, TESTS

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
COMMANDS = sorted(set(re.findall(r"python -m pytest (tests/[\w/.:]+)", TEXT)))
SUITES = set(re.findall(r"^\| `tests/(\w+)` \|", TEXT, re.MULTILINE))
TARGETS = sorted(set(re.findall(r"`make ([a-z0-9-]+)", TEXT)))
NO_SUITE = {"bench", "support"}
"""Folders of tests that contain no tests: the benchmark and the helpers."""


@pytest.mark.parametrize("argument", COMMANDS)
def test_the_paths_of_commands_exist(argument: str) -> None:
    """Each path after `python -m pytest` exists, and so does the test that it names."""
    path, _, test = argument.partition("::")
    assert (ROOT / path).exists()
    assert not test or f"def {test}(" in (ROOT / path).read_text()


def test_every_suite_is_listed() -> None:
    """The table of test suites has every folder of tests."""
    assert (
        SUITES == {path.name for path in TESTS.iterdir() if path.is_dir() and not path.name.startswith("_")} - NO_SUITE
    )


@pytest.mark.parametrize("target", TARGETS)
def test_the_targets_exist(target: str) -> None:
    """Each target of make exists."""
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
