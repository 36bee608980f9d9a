"""The pages of the breakages: one for each, in one form, and their index."""

from __future__ import annotations

import re

import pytest
import yaml
from support.builders.breakage_paths import PATHS, alerts, page_of, trees_of
from support.builders.pages import blocks
from support.paths import ROOT

from spanloom_local.breakages import BREAKAGES

MAX_LINES = 45
HEADINGS = ["What you see first", "How to follow it", "What it was", "Repair"]
UPGRADE = "helm upgrade spanloom helm/spanloom --namespace spanloom --reuse-values --set users.breakage={} --wait"
RULES = yaml.safe_load((ROOT / "helm/prometheus/files/rules/alerts.yaml").read_text())


def test_every_breakage_has_a_page_and_a_path() -> None:
    """The table of breakages, the pages, the index and the paths that the tests follow have the same names."""
    pages = [path.stem for path in sorted((ROOT / "deploy/demos/breakages").iterdir())]
    assert sorted(BREAKAGES) == pages == sorted(alerts()) == sorted(PATHS)


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_page_has_the_form(name: str) -> None:
    """A page fits on a screen, has the four headings, a tree, and a command to cause and one to repair."""
    page = page_of(name)
    text = (ROOT / page).read_text()
    commands = [block.text.strip() for block in blocks(page) if block.language == "sh"]

    assert len(text.splitlines()) <= MAX_LINES
    assert HEADINGS == re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert [UPGRADE.format(name), UPGRADE.format("")] == commands
    assert f'make demo ARGS="--load --break {name}"' in text
    assert trees_of(name)


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_page_names_the_alert_of_the_index(name: str) -> None:
    """The first alert of a page is that of the index; a page says so where there is none."""
    text, alert = (ROOT / page_of(name)).read_text(), alerts()[name]
    names = re.findall(r"`([A-Z][a-z]+[A-Z]\w+)`", text)
    assert (names[0] == alert) if alert else ("No alert: every response is right" in text)


def test_the_alerts_are_those_of_the_rules() -> None:
    """Every alert of the index is an alert of the chart prometheus."""
    known = {rule["alert"] for group in RULES["groups"] for rule in group["rules"]}
    assert set() == set(alerts().values()) - {""} - known
