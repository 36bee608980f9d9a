"""The Collectors that read log files: every line of every container once, also when they are restarted."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from support.cluster.helm_release import CHART, Release
from support.cluster.namespaces import new_namespace
from support.polling import poll_until

from e2e.faults.faults import kill, the_pod, wait_until_ready
from e2e.faults.lines import pod, positions, printed, printing, records_of, stored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cluster.kube import Object
    from support.plugins.faults import Record

pytestmark = pytest.mark.timeout(300)
PART = "otel-collector-logs"
OFF = {"enabled": False}
TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
COLLECTOR = {
    "backends": {"traces": {"endpoint": ""}, "metrics": {"endpoint": ""}},
    "logsCollection": {"enabled": True, "excludeNamespaces": ["kube-system"]},
}
PARTS = {"users": OFF, "postgres": OFF, "jaeger": OFF, "operator": OFF, "prometheus": OFF, "otel-collector": COLLECTOR}


@pytest.fixture(scope="module")
def files() -> Iterator[Release]:
    """Install VictoriaLogs, the Collector and those that read log files, in a namespace that allows root."""
    with new_namespace("log-files", restricted=False) as kube:
        values = [f"--set-json={part}={json.dumps(value)}" for part, value in PARTS.items()]
        kube.run("helm", "install", kube.namespace, CHART, *values, "--wait", "--timeout=3m")
        yield Release(kube)
        kube.run("helm", "uninstall", kube.namespace, "--wait")


def until_stored(files: Release, name: str) -> None:
    """Wait until every line that the pod has printed is stored."""
    lines = set(printed(files, name))
    with suppress(TimeoutError):
        poll_until(lambda: lines <= stored(files, name).keys(), "every line is stored", 60)


@pytest.mark.fault("DaemonSet that reads log files restarted while a pod prints lines")
def test_restarted(files: Release, record: Record) -> None:
    """Every line that the pod printed is stored once."""
    with printing(files, "restarted"):
        before = the_pod(files, PART)
        files.kube("rollout", "restart", f"daemonset/{files.name}-{PART}")
        wait_until_ready(files, PART, after=before)
    until_stored(files, "restarted")
    lines, found = printed(files, "restarted"), stored(files, "restarted")
    record({}, 0, 0, f"{len(found)} of {len(lines)} lines stored, {found.total() - len(found)} twice")
    assert dict.fromkeys(lines, 1) == found


@pytest.mark.long
@pytest.mark.fault("Collector that reads log files killed (SIGKILL) while a pod prints lines")
def test_killed(files: Release, record: Record) -> None:
    """Every line that the pod printed is stored; one that is stored twice has the same position in its file twice."""
    with printing(files, "killed"):
        before = the_pod(files, PART)
        kill(before)
        wait_until_ready(files, PART, after=before)
    until_stored(files, "killed")
    lines, found = printed(files, "killed"), stored(files, "killed")
    record({}, 0, 0, f"{len(found)} of {len(lines)} lines stored, {found.total() - len(found)} twice")
    assert set(lines) == found.keys()
    assert len(lines) == len(positions(files, "killed"))


def test_a_line_of_json_is_found_by_its_trace_id(files: Release) -> None:
    """The trace id, span id and level of a line become those of the record; what looks like an address is redacted."""
    line = {"level": "ERROR", "message": "to ann@example.org", "trace_id": TRACE_ID, "span_id": SPAN_ID}
    files.kube.apply(pod("json", f"print({json.dumps(line)!r})"))
    poll_until(lambda: records_of(files, "json"), "the line is stored", 60)
    (found,) = records_of(files, "json")
    assert (TRACE_ID, SPAN_ID, "17") == (found["trace_id"], found["span_id"], found["severity_number"])
    assert (files.name, "json", "stdout") == (found["k8s.namespace.name"], found["k8s.pod.name"], found["log.iostream"])
    assert "to ****" in found["_msg"]


def test_pods_that_send_otlp_are_left_out(files: Release) -> None:
    """Lines of injected workloads, and of pods labelled spanloom.dev/logs=otlp, are not collected a second time."""
    files.kube.apply(
        pod("sends", "print('left out')", {"spanloom.dev/logs": "otlp"}),
        deployment("injected"),
        deployment("kept", {"spanloom.dev/logs": "file"}),
    )
    poll_until(lambda: stored(files, "kept"), "the line of the pod with spanloom.dev/logs=file is stored", 60)
    files.kube("wait", "deployment/injected", "--for=condition=Available", "--timeout=60s")
    files.kube.apply(pod("later", "print('collected')"))
    poll_until(lambda: stored(files, "later"), "a line that was printed later is stored", 60)
    assert {"kept": {"left out": 1}, "injected": {}, "sends": {}} == {
        name: stored(files, name) for name in ("kept", "injected", "sends")
    }


def deployment(name: str, labels: Object | None = None) -> Object:
    """Return a Deployment with the operator's label, whose pod prints one line."""
    labels = {"app": name, **(labels or {})}
    spec = pod(name, "import time\nprint('left out', flush=True)\ntime.sleep(600)")["spec"] | {
        "restartPolicy": "Always"
    }
    template = {"metadata": {"labels": labels}, "spec": spec}
    meta = {"name": name, "labels": {"spanloom.dev/inject": "true"}}
    selector = {"matchLabels": {"app": name}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta,
        "spec": {"selector": selector, "template": template},
    }
