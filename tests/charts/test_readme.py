"""Each chart's README is what its values say."""

from __future__ import annotations

import importlib.util

import pytest
from charts.rendering import HELM

SPEC = importlib.util.spec_from_file_location("readme", HELM / "readme.py")
assert SPEC
assert SPEC.loader
README = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(README)


@pytest.mark.parametrize("chart", README.CHARTS)
def test_the_readme_is_current(chart: str) -> None:
    """`make docs` would change nothing."""
    assert README.page(chart) == (HELM / chart / "README.md").read_text()


@pytest.mark.parametrize("chart", README.CHARTS)
def test_every_value_is_in_the_readme(chart: str) -> None:
    """A key is listed with its default and, unless its name says it all, its meaning."""
    rows = [line for line in README.page(chart).splitlines() if line.startswith("| `")]
    assert rows
    assert all(line.count(" | ") >= 2 for line in rows)
