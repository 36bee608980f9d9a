"""The objects that hand the dashboards to Grafana and to Perses."""

from __future__ import annotations

import json

import pytest
import yaml
from charts.rendering import HELM, cases_with, of_kind

from dashboards.tables.everything import DASHBOARDS

FILES = HELM / "prometheus" / "files"
CASES = cases_with("prometheus")
(ENABLED,) = (case for case in CASES if str(case) == "prometheus-dashboards")
(DEFAULT,) = (case for case in CASES if str(case) == "prometheus-default")
BY_UID = {table.uid: f"demo-prometheus-{table.uid.removeprefix('spanloom-')}" for table in DASHBOARDS}


def test_grafana_gets_every_dashboard() -> None:
    """A ConfigMap for each dashboard has its file unchanged in content, and the label that Grafana's sidecar reads."""
    found = {item["metadata"]["name"]: item for item in of_kind(ENABLED, "ConfigMap")}
    assert set(BY_UID.values()) == set(found)
    for uid, name in BY_UID.items():
        assert "1" == found[name]["metadata"]["labels"]["grafana_dashboard"]
        texts = found[name]["data"]
        assert {f"{uid}.json": json.loads((FILES / "dashboards" / f"{uid}.json").read_text())} == {
            file: json.loads(text) for file, text in texts.items()
        }


def test_perses_gets_every_dashboard() -> None:
    """A PersesDashboard for each dashboard has the spec of its file, and the labels of the values."""
    found = {item["metadata"]["name"]: item for item in of_kind(ENABLED, "PersesDashboard")}
    specs = {
        name: yaml.safe_load((FILES / "perses" / f"{uid}.yaml").read_text())["spec"] for uid, name in BY_UID.items()
    }
    assert specs == {name: item["spec"]["config"] for name, item in found.items()}
    assert all("perses" == item["metadata"]["labels"]["instance"] for item in found.values())


@pytest.mark.parametrize("kind", ["PersesDashboard", "PrometheusRule"])
def test_nothing_that_needs_a_crd_by_default(kind: str) -> None:
    """The default renders no object of another operator."""
    assert [] == of_kind(DEFAULT, kind)
