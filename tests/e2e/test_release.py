"""The umbrella chart on a real cluster. The tests run in order on one release: installation first, removal last."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.cluster.jaeger import query, traces_of
from support.cluster.kube import is_ready
from support.polling import poll_until

from spanloom.testing import assert_shape
from spanloom_local.cluster import wait_for_trace
from spanloom_local.journey import CREATE, JOURNEY, LIST, SERVICES, is_from_journey, send, send_journey

if TYPE_CHECKING:
    from support.cluster.helm_release import Release
    from support.cluster.kube import Object

    from spanloom.testing import Trace

pytestmark = pytest.mark.timeout(600)

LOAD = Path(__file__).parent / "load.py"
AGENT = "user_agent.original"
PROBED = timedelta(minutes=2)
IDENTITY = ("k8s.namespace.name", "k8s.deployment.name", "k8s.pod.name", "k8s.pod.uid", "k8s.node.name")


@pytest.fixture(scope="session")
def journey(release: Release) -> list[tuple[str, Trace]]:
    """Send the requests of the journey; return the expected tree and the trace in Jaeger of each."""
    with release.reach("users-api", 8000) as edge:
        responses = list(send_journey(edge))
    assert [step.status for step in JOURNEY] == [response.status for _, response in responses]
    with release.reach("jaeger", 16686) as jaeger:
        return [
            (step.tree, wait_for_trace(jaeger, response, len(step.tree.splitlines()))) for step, response in responses
        ]


def test_every_request_is_one_complete_trace(journey: list[tuple[str, Trace]]) -> None:
    """Each request of the journey has exactly its tree in Jaeger."""
    for tree, trace in journey:
        assert_shape(trace, tree)


def test_spans_name_their_pod(release: Release, journey: list[tuple[str, Trace]]) -> None:
    """Every span's resource names the namespace, Deployment, pod and node of its service."""
    expected = {}
    for service in SERVICES:
        (pod,) = release.pods(service)
        meta, node = pod["metadata"], pod["spec"]["nodeName"]
        expected[service] = (release.name, release.deployment_of(pod), meta["name"], meta["uid"], node)
    for _, trace in journey:
        for span in trace.spans:
            assert expected[span.service] == tuple(span.resource.get(key) for key in IDENTITY), span.label


def test_exemplars_have_trace_ids(release: Release) -> None:
    """The RED metrics at the Collector's Prometheus endpoint have a request's trace id as an exemplar."""
    with release.reach("users-api", 8000) as edge:
        response = send(edge, CREATE.method, CREATE.route, CREATE.body)
    with release.reach("jaeger", 16686) as jaeger:
        trace = wait_for_trace(jaeger, response, len(CREATE.tree.splitlines()))
    poll_until(lambda: f'trace_id="{trace.trace_id}"' in release.metrics(), "the metrics have the exemplar", 60)


def test_log_lines_carry_the_trace_id(release: Release) -> None:
    """Both services log a failed request with its trace id."""
    database = f"statefulset/{release.name}-postgres"
    release.kube("scale", database, "--replicas=0")
    poll_until(lambda: not release.pods("postgres"), "the database is deleted", 90)
    with release.reach("users-api", 8000) as edge:
        response = send(edge, LIST.method, LIST.route)
    release.kube("scale", database, "--replicas=1")
    assert 503 == response.status
    with release.reach("jaeger", 16686) as jaeger:
        trace = wait_for_trace(jaeger, response, 1)
    poll_until(lambda: all(trace.trace_id in _ids(release.log(s)) for s in SERVICES), "both services log the trace id")
    poll_until(lambda: all(is_ready(p) for s in ("postgres", *SERVICES) for p in release.pods(s)), "all are ready", 90)


def test_probes_make_no_trace(release: Release, journey: list[tuple[str, Trace]]) -> None:
    """After two minutes of probes, a pool and a database outage, every trace begins with a request of the tests."""
    poll_until(lambda: all(_age(pod) > PROBED for pod in release.pods("users-api")), "two minutes of probes", 180)
    with release.reach("jaeger", 16686) as jaeger:
        services = query(jaeger, "services")["data"]
        traces = {trace_id: trace for name in SERVICES for trace_id, trace in traces_of(jaeger, name).items()}
    assert {*SERVICES, "spanloom-operator"} == set(services)
    assert {trace.trace_id for _, trace in journey} <= traces.keys()
    assert [] == [
        trace.tree() for trace in traces.values() if not is_from_journey(trace) or trace.root.service != "users-api"
    ]


def test_upgrade_and_rollback_lose_nothing(release: Release) -> None:
    """During an upgrade and its rollback under steady load, every request succeeds and has a complete trace."""
    release.kube.apply(_load_pod(release))
    release.kube("wait", "pod/load", "--for=condition=Ready", "--timeout=60s")
    before = _uids(release)  # of every pod, those that are ending included
    release.upgrade(users__telemetry__resourceAttributes__changed="yes", **{"otel-collector__logLevel": "warn"})
    poll_until(lambda: not _uids(release) & before, "every pod has been replaced", 120)
    changed = _uids(release)
    release.helm("rollback", release.name, "--wait", "--timeout=5m")
    poll_until(lambda: not _uids(release) & changed, "every pod has been replaced again", 120)
    release.kube("exec", "load", "--", "touch", "/tmp/stop")
    release.kube("wait", "pod/load", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    sent = [json.loads(line) for line in release.kube("logs", "load").splitlines()]
    release.kube("delete", "pod", "load")
    assert [] == [request for request in sent if request["status"] != LIST.status]
    _assert_complete_traces(release, {request["mark"] for request in sent})


@pytest.mark.parametrize(
    "part", ["jaeger", "prometheus", "victoria-logs", "otel-collector", "postgres", "users", "operator"]
)
def test_helm_test(release: Release, part: str) -> None:
    """The test of every chart succeeds."""
    output = release.helm("test", release.name, f"--filter=name={release.name}-{part}-test", "--timeout=3m", "--logs")
    phases = re.findall(r"^TEST SUITE: +(\S+)$.*?^Phase: +(\w+)$", output, re.MULTILINE | re.DOTALL)
    assert "Succeeded" == dict(phases)[f"{release.name}-{part}-test"]


def test_uninstall_leaves_nothing(release: Release) -> None:
    """`helm uninstall` leaves no object in the namespace, and none of the cluster with the release's name.

    Helm keeps the pods of `helm test` for `helm test --logs`.
    """
    assert release.left_behind()
    release.helm("uninstall", release.name, "--wait", "--timeout=3m")
    release.kube("delete", "pods", f"--selector=app.kubernetes.io/instance={release.name}")
    try:
        poll_until(lambda: not release.left_behind(), "nothing is left", 120)
    except TimeoutError:
        assert set() == release.left_behind()


def _ids(records: list[Object]) -> set[str]:
    return {record.get("trace_id", "") for record in records}


def _age(pod: Object) -> timedelta:
    return datetime.now(UTC) - datetime.fromisoformat(pod["status"]["startTime"])


def _uids(release: Release) -> set[str]:
    return {pod["metadata"]["uid"] for part in (*SERVICES, "otel-collector") for pod in release.pods(part)}


def _assert_complete_traces(release: Release, marks: set[str]) -> None:
    """Assert that Jaeger gets the complete trace of each request."""
    with release.reach("jaeger", 16686) as jaeger:

        def broken() -> dict[str, str]:
            shapes = {_mark(trace): trace.shape() for trace in traces_of(jaeger, "users-api").values()}
            return {mark: shapes.get(mark, "no trace") for mark in marks if shapes.get(mark) != LIST.tree}

        try:
            poll_until(lambda: not broken(), "every trace is complete", 60)
        except TimeoutError:
            found = broken()
            pytest.fail(f"{len(found)} of {len(marks)} requests have no complete trace: {json.dumps(found, indent=1)}")


def _mark(trace: Trace) -> str:
    return next((str(s.attributes[AGENT]) for s in trace.spans if AGENT in s.attributes), "")


def _load_pod(release: Release) -> Object:
    own = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    url = f"http://{release.name}-users-api:8000"
    container = {
        "name": "load",
        "image": "python:3.13-slim",
        "command": ["python3", "-c", LOAD.read_text(), url],
        "securityContext": own,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "load"}, "spec": spec}
