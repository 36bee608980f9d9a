"""The written dashboards and rules are those of the table, and of the models of Grafana and Perses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard as GrafanaDashboard
from support.paths import ROOT

from dashboards import perses
from dashboards.__main__ import main
from dashboards.files import FOLDER, files
from dashboards.tables.everything import DASHBOARDS

if TYPE_CHECKING:
    from dashboards.model import Dashboard

BY_UID = pytest.mark.parametrize("table", DASHBOARDS, ids=lambda table: table.uid)


def test_make_dashboards_changes_nothing() -> None:
    """Every file of dashboards and rules is what `make dashboards` writes."""
    command = [sys.executable, "-m", "dashboards", "--check"]
    environ = {**os.environ, "PYTHONPATH": "deploy"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr + done.stdout)


def test_unknown_arguments_are_refused() -> None:
    """An argument that is not known is named in one line, and nothing is written."""
    assert "dashboards: unknown arguments --chek; expected none, or --check" == main(["--chek"])


def _registered(path: str) -> Any:
    register_default_plugins()
    return json.loads((FOLDER / path).read_text())


@BY_UID
def test_grafana_reads_what_was_written(table: Dashboard) -> None:
    """Each file, read into grafana-foundation-sdk's model of a dashboard, loses and gains nothing."""
    written = _registered(f"dashboards/{table.uid}.json")
    read = GrafanaDashboard.from_json(written)
    assert written == json.loads(json.dumps(read, cls=JSONEncoder))


@BY_UID
def test_every_panel_is_on_the_page(table: Dashboard) -> None:
    """Grafana's file has each panel of the table once, below its row, and no two at the same place."""
    panels = _registered(f"dashboards/{table.uid}.json")["panels"]
    titles = [title for row in table.rows for title in (row.title, *(panel.title for panel in row.panels))]
    assert titles == [panel["title"] for panel in panels]
    assert len(panels) == len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels})


@BY_UID
def test_layouts_of_perses_name_each_panel_once(table: Dashboard) -> None:
    """The grids of Perses refer to every panel once, and none is wider than the page or covers another."""
    spec = yaml.safe_load((FOLDER / f"perses/{table.uid}.yaml").read_text())["spec"]
    items = [item for grid in spec["layouts"] for item in grid["spec"]["items"]]
    assert sorted(f"#/spec/panels/{name}" for name in spec["panels"]) == sorted(i["content"]["$ref"] for i in items)
    assert all(item["x"] + item["width"] <= perses.PAGE_WIDTH for item in items)
    for grid in spec["layouts"]:
        cells = [cell for item in grid["spec"]["items"] for cell in _cells(item)]
        assert len(cells) == len(set(cells))


def _cells(item: dict[str, int]) -> list[tuple[int, int]]:
    columns, rows = range(item["x"], item["x"] + item["width"]), range(item["y"], item["y"] + item["height"])
    return [(x, y) for x in columns for y in rows]


def test_names_of_files_are_valid_names_of_objects() -> None:
    """The chart makes objects named after the files: lower case letters, digits and hyphens, each once."""
    names = [path.stem for path in files() if path.suffix == ".json"]
    assert len(names) == len(set(names))
    assert all(name.replace("-", "").isalnum() and name == name.lower() for name in names)
