"""The configuration and the rules of Prometheus, as the chart renders them."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from charts.rendering import HELM, Case, cases_with, named, objects, require

if TYPE_CHECKING:
    from pathlib import Path

RULES = {path.name: yaml.safe_load(path.read_text()) for path in HELM.glob("prometheus/files/rules/*.yaml")}
CASES = cases_with("prometheus")
(EXTERNAL,) = (case for case in CASES if str(case) == "prometheus-external")
BUNDLED = [case for case in CASES if (yaml.safe_load(case.values.read_text()) or {}).get("mode") != "external"]
MOUNT = "/etc/prometheus/"


def _data(case: Case, name: str) -> dict[str, str]:
    data: dict[str, str] = named(case, "ConfigMap", name)["data"]
    return data


def _check(folder: Path, command: str, file: str) -> None:
    done = subprocess.run(
        [require("promtool"), "check", command, str(folder / file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(params=BUNDLED, ids=str)
def mounted(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Write what a case mounts below /etc/prometheus to a directory, with a certificate that is only a file."""
    case: Case = request.param
    folders = {"config": "demo-prometheus", "rules": "demo-prometheus-rules"}
    for folder, name in folders.items():
        (tmp_path / folder).mkdir()
        for file, text in _data(case, name).items():
            (tmp_path / folder / file).write_text(text.replace(MOUNT, f"{tmp_path}/"))
    for file in re.findall(r"/tls/([a-z.]+)", "".join(_data(case, "demo-prometheus").values())):
        (tmp_path / "tls").mkdir(exist_ok=True)
        (tmp_path / "tls" / file).write_text("")
    return tmp_path


def test_prometheus_accepts_its_configuration(mounted: Path) -> None:
    """`promtool check config` reports no error, the files of rules included."""
    _check(mounted, "config", "config/prometheus.yml")


def test_metrics_arrive_with_exemplars_and_the_labels_of_their_resource(mounted: Path) -> None:
    """Exemplars are stored, samples of a queue are accepted, and a series has its service and its pod as labels."""
    config: dict[str, Any] = yaml.safe_load((mounted / "config" / "prometheus.yml").read_text())
    assert config["storage"]["exemplars"]["max_exemplars"] > 0
    assert "12h" == config["storage"]["tsdb"]["out_of_order_time_window"]
    assert {"service.name", "k8s.namespace.name", "k8s.pod.name"} <= set(config["otlp"]["promote_resource_attributes"])


@pytest.mark.parametrize("case", BUNDLED, ids=str)
def test_the_rules_are_mounted(case: Case) -> None:
    """The ConfigMap has every file of rules unchanged."""
    assert {file: yaml.safe_load(text) for file, text in _data(case, "demo-prometheus-rules").items()} == RULES


def test_an_external_prometheus_gets_the_same_rules() -> None:
    """With `mode: external` the chart renders nothing but a PrometheusRule of each file, with the given labels."""
    found = objects(EXTERNAL)
    assert {"PrometheusRule"} == {item["kind"] for item in found}
    assert {f"demo-prometheus-{name}": rules for name, rules in RULES.items()} == {
        f"{item['metadata']['name']}.yaml": item["spec"] for item in found
    }
    assert {"kube-prometheus-stack"} == {item["metadata"]["labels"]["release"] for item in found}
