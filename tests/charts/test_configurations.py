"""The programs accept the configurations inside the ConfigMaps."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from charts.rendering import cases, cases_with, containers, named, objects, of_kind, pod_templates, require, selects

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from charts.rendering import Case, Object

COLLECTORS, JAEGERS = cases_with("otel-collector"), cases_with("jaeger")
LOGS = [case for case in COLLECTORS if case.name.startswith("logs-collection")]
MOUNTED = re.compile(r"/etc/(?:otelcol|jaeger)/[\w.-]+/(?:token|key|password|ca\.crt|tls\.crt|tls\.key)")


def _text(case: Case, part: str) -> str:
    text: str = named(case, "ConfigMap", f"demo-{part}")["data"]["config.yaml"]
    return text


def _config(case: Case) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(_text(case, "otel-collector"))
    return config


def _validate(program: str, text: str, folder: Path, *arguments: str) -> None:
    """Run `PROGRAM validate`, with every file of a Secret present in a folder."""
    secret = folder / "secret"
    secret.write_text("canary")
    path = folder / "config.yaml"
    path.write_text(MOUNTED.sub(str(secret), text))
    done = subprocess.run(
        [require(program), "validate", f"--config={path}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "K8S_NODE_NAME": "node"},
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _known(text: str) -> str:
    """Return a configuration without the receiver of Events where otelcol has been built without it."""
    has_events = "k8s_events" in subprocess.check_output([require("otelcol"), "components"], text=True)
    config = yaml.safe_load(text)
    if has_events or "k8s_events" not in config["receivers"]:
        return text
    del config["receivers"]["k8s_events"], config["service"]["pipelines"]["logs/events"]
    return yaml.safe_dump(config)


@pytest.mark.parametrize("case", COLLECTORS, ids=str)
def test_collector_accepts_its_configuration(case: Case, tmp_path: Path) -> None:
    """`otelcol validate` reports no error."""
    _validate("otelcol", _known(_text(case, "otel-collector")), tmp_path)


@pytest.mark.parametrize("case", [case for case in COLLECTORS if case.name.startswith("kubernetes-events")], ids=str)
def test_events_are_read_where_a_role_allows_it(case: Case) -> None:
    """In the namespaces of the values, by a role for Events alone; they go where the log records go."""
    config = _config(case)
    logs, events = (config["service"]["pipelines"][name] for name in ("logs", "logs/events"))
    roles = [role for role in of_kind(case, "Role") if role["metadata"]["name"].endswith("-events")]
    assert ["shop"] == config["receivers"]["k8s_events"]["namespaces"]
    assert ["shop"] == [role["metadata"]["namespace"] for role in roles]
    assert [[{"apiGroups": [""], "resources": ["events"], "verbs": ["get", "list", "watch"]}]] == [
        role["rules"] for role in roles
    ]
    assert (logs["exporters"], ["k8s_events"], True) == (
        events["exporters"], events["receivers"], "redaction" in events["processors"],
    )  # fmt: skip


@pytest.mark.parametrize("case", LOGS, ids=str)
def test_collector_of_log_files_accepts_its_configuration(case: Case, tmp_path: Path) -> None:
    """`otelcol validate` reports no error, with the arguments of the DaemonSet."""
    (container,) = named(case, "DaemonSet", "demo-otel-collector-logs")["spec"]["template"]["spec"]["containers"]
    arguments = [argument for argument in container["args"] if not argument.startswith("--config")]
    _validate("otelcol", _text(case, "otel-collector-logs"), tmp_path, *arguments)


@pytest.mark.parametrize("case", LOGS, ids=str)
def test_log_files_are_sent_by_the_collector_that_redacts(case: Case) -> None:
    """Lines wait on the disk of their node, and go to the release's Collector only, which redacts them."""
    config = yaml.safe_load(_text(case, "otel-collector-logs"))
    (exporter,) = config["exporters"].values()
    assert exporter["endpoint"].partition("//")[2] == "demo-otel-collector:4318"
    assert exporter["sending_queue"]["storage"] == config["receivers"]["file_log"]["storage"] == "file_storage"
    assert "memory_limiter" == config["service"]["pipelines"]["logs"]["processors"][0]


@pytest.mark.parametrize("case", JAEGERS, ids=str)
def test_jaeger_accepts_its_configuration(case: Case, tmp_path: Path) -> None:
    """`jaeger validate` reports no error."""
    _validate("jaeger", _text(case, "jaeger"), tmp_path)


@pytest.mark.parametrize("case", COLLECTORS, ids=str)
def test_every_pipeline_limits_memory_first_and_redacts(case: Case) -> None:
    """Received telemetry passes the memory limiter first, is redacted, and is never delayed by `batch`."""
    pipelines = _config(case)["service"]["pipelines"]
    outside = [pipeline for pipeline in pipelines.values() if "otlp" in pipeline["receivers"]]
    assert len(outside) == 3
    for pipeline in outside:
        assert pipeline["processors"][0] == "memory_limiter"
        assert "redaction" in pipeline["processors"]
    assert not any("batch" in pipeline.get("processors", []) for pipeline in pipelines.values())


@pytest.mark.parametrize("case", COLLECTORS, ids=str)
def test_exporters_queue_on_disk(case: Case) -> None:
    """Every exporter to the network queues on disk, blocks senders when the queue is full, retries without end."""
    for name, exporter in _config(case)["exporters"].items():
        if name.startswith("otlp"):
            assert exporter["sending_queue"]["storage"] == "file_storage"
            assert exporter["sending_queue"]["block_on_overflow"] is True
            assert exporter["retry_on_failure"]["max_elapsed_time"] == "0s"


@pytest.mark.parametrize("case", COLLECTORS, ids=str)
def test_red_metrics_precede_sampling(case: Case) -> None:
    """The RED metrics count every span before sampling, and have exemplars at the Prometheus endpoint."""
    config = _config(case)
    pipelines = config["service"]["pipelines"]
    assert "span_metrics" in pipelines["traces"]["exporters"]
    assert "tail_sampling" not in pipelines["traces"]["processors"]
    assert "prometheus" in pipelines["metrics/red"]["exporters"]
    assert config["connectors"]["span_metrics"]["exemplars"] == {"enabled": True}
    assert config["exporters"]["prometheus"]["enable_open_metrics"] is True


@pytest.mark.parametrize("case", COLLECTORS, ids=str)
def test_every_signal_has_an_exporter(case: Case) -> None:
    """Every signal has an exporter, at least the output of the pod."""
    pipelines = _config(case)["service"]["pipelines"]
    assert all(pipeline["exporters"] for pipeline in pipelines.values())


def test_remote_write_labels_series_and_never_gives_up_early() -> None:
    """Resource attributes become labels for remote write alone; a request is repeated for an hour, also after 429."""
    (case,) = (case for case in COLLECTORS if case.name == "remote-write")
    config = _config(case)
    pipelines, exporter = config["service"]["pipelines"], config["exporters"]["prometheus_remote_write"]
    for pipeline in ("metrics", "metrics/red"):
        assert ["forward/metrics", "prometheus"] == pipelines[pipeline]["exporters"]
    assert {
        "receivers": ["forward/metrics"],
        "processors": ["transform/labels"],
        "exporters": ["prometheus_remote_write"],
    } == pipelines["metrics/remote_write"]
    assert ("1h", {"max_elapsed_time": "0s"}) == (exporter["timeout"], exporter["retry_on_failure"])
    (container,) = named(case, "StatefulSet", "demo-otel-collector")["spec"]["template"]["spec"]["containers"]
    assert "--feature-gates=exporter.prometheusremotewritexporter.RetryOn429" in container["args"]


MONITORS = [
    (case, item) for case in cases() for item in objects(case) if item["kind"] in ("ServiceMonitor", "PodMonitor")
]


@pytest.mark.parametrize(("case", "monitor"), MONITORS, ids=str)
def test_a_monitor_selects_the_port_of_own_metrics(case: Case, monitor: Object) -> None:
    """Each monitor selects a Service or pods that have its port, and labels series as the own scrapes do."""
    spec = monitor["spec"]
    (endpoint,) = spec.get("endpoints") or spec["podMetricsEndpoints"]
    expected = {"instance", "k8s_namespace_name", "k8s_pod_name"}
    assert expected == {rule["targetLabel"] for rule in endpoint["relabelings"]}
    assert endpoint["port"] in set(_port_names(case, monitor["kind"], spec["selector"]))


def test_every_part_has_a_monitor() -> None:
    """Collector, Jaeger and operator have one, by value."""
    parts = {item["metadata"]["labels"]["app.kubernetes.io/name"] for _, item in MONITORS}
    assert {"otel-collector", "jaeger", "operator"} == parts


def _port_names(case: Case, kind: str, selector: Object) -> Iterator[str]:
    """Yield the names of ports of the Services or pods that a monitor selects."""
    selected = of_kind(case, "Service") if kind == "ServiceMonitor" else pod_templates(case)
    for item in (item for item in selected if selects(selector, item["metadata"]["labels"])):
        lists = [item["spec"]["ports"]] if kind == "ServiceMonitor" else [c.get("ports", []) for c in containers(item)]
        yield from (port["name"] for ports in lists for port in ports)
