"""Values and alerts of docs/operations.md are accepted by Helm and Prometheus."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from charts.rendering import HELM, ROOT, require, template
from support.builders.pages import blocks

if TYPE_CHECKING:
    from pathlib import Path

    from support.builders.pages import Block

YAML = [block for block in blocks("docs/operations.md") if block.language == "yaml"]
RULES = [block.text for block in YAML if block.text.startswith("groups:")]
VALUES = [block for block in YAML if block.text not in RULES]


@pytest.mark.parametrize("block", VALUES, ids=[block.heading for block in VALUES])
def test_values_are_accepted_together_with_those_of_production(block: Block, tmp_path: Path) -> None:
    """Every block of values renders after deploy/values/production.yaml."""
    path = tmp_path / "site.yaml"
    path.write_text(block.text)
    done = template(HELM / "spanloom", f"--values={ROOT / 'deploy/values/production.yaml'}", f"--values={path}")

    assert 0 == done.returncode, done.stderr


def test_prometheus_accepts_the_alerts(tmp_path: Path) -> None:
    """`promtool check rules` finds no error in the alerts."""
    path = tmp_path / "rules.yaml"
    path.write_text("".join(RULES))
    done = subprocess.run([require("promtool"), "check", "rules", path], capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "rules found" in done.stdout
