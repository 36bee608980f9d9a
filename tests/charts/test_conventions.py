"""Conventions of all charts: schema definitions, listening addresses, line lengths."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from charts.rendering import HELM, Case, cases, charts, render

if TYPE_CHECKING:
    from pathlib import Path

SCHEMAS = {chart: json.loads((HELM / chart / "values.schema.json").read_text()) for chart in charts()}
TEMPLATES = sorted(path for path in HELM.glob("*/templates/**/*") if path.suffix in (".yaml", ".tpl", ".txt"))
LINE = 160


def test_definitions_of_one_name_are_equal() -> None:
    """A schema definition of the same name is the same in every chart."""
    seen: dict[str, object] = {}
    for chart, schema in SCHEMAS.items():
        for name, definition in schema.get("$defs", {}).items():
            assert seen.setdefault(name, definition) == definition, f"{chart}: {name}"


@pytest.mark.parametrize("case", cases(), ids=str)
def test_servers_listen_on_ipv4_and_ipv6(case: Case) -> None:
    """No rendered configuration listens on an IPv4 address only."""
    assert [] == re.findall(r".*0\.0\.0\.0.*", render(case))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(HELM)))
def test_template_lines_fit(path: Path) -> None:
    """No line of a template is longer than 160 characters."""
    long = [f"{path}:{number}" for number, line in enumerate(path.read_text().splitlines(), 1) if len(line) > LINE]
    assert [] == long
