"""Connections from an unrelated pod, where the cluster enforces NetworkPolicies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.polling import poll_until

if TYPE_CHECKING:
    from support.cluster.helm_release import Release
    from support.cluster.kube import Kube, Object

pytestmark = pytest.mark.timeout(600)

# Of each Service: the ports that an unrelated pod in the namespace reaches, and those that are closed
OPEN = {"users-api": {8000}, "otel-collector": {4317, 4318}}
CLOSED = {
    "users-db-service": {8000},
    "postgres": {5432},
    "jaeger": {4317, 4318, 16686},
    "prometheus": {9090},
    "victoria-logs": {9428},
    "otel-collector-pods": {8888, 8889},
}
TRY = """
import json, socket, sys
def reaches(host, port):
    try:
        socket.create_connection((host, port), timeout=3).close()
        return True
    except OSError:
        return False
print(json.dumps([address for address in json.loads(sys.argv[1]) if reaches(*address)]))
"""
SERVE = "import http.server; http.server.HTTPServer(('', 8000), http.server.SimpleHTTPRequestHandler).serve_forever()"
SERVES = "import socket; print(socket.socket().connect_ex(('127.0.0.1', 8000)) == 0)"
SLEEP = "import signal; signal.signal(signal.SIGTERM, lambda *_: exit()); signal.pause()"
CLOSE = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "closed"},
    "spec": {"podSelector": {"matchLabels": {"app": "closed"}}, "policyTypes": ["Ingress"]},
}


@pytest.fixture(scope="module")
def unrelated_pod(release: Release) -> Kube:
    """Start a pod that connects to others, and a pod whose policy refuses every connection."""
    kube = release.kube
    kube.apply(CLOSE, pod("unrelated", SLEEP), pod("closed", SERVE))
    kube("wait", "pod/unrelated", "pod/closed", "--for=condition=Ready", "--timeout=90s")
    return kube


@pytest.fixture(scope="module")
def enforced(unrelated_pod: Kube) -> None:
    """Skip the test where a pod with a policy against every connection is reachable: policies are not enforced."""
    address = unrelated_pod.get("pod/closed")["status"]["podIP"]
    poll_until(
        lambda: "True" in unrelated_pod("exec", "closed", "--", "python3", "-c", SERVES), "the closed pod listens"
    )
    if reached(unrelated_pod, [(address, 8000)]):
        pytest.skip("this cluster accepts NetworkPolicies and does not enforce them")


def test_an_unrelated_pod_reaches_open_ports(release: Release, unrelated_pod: Kube) -> None:
    """A pod in the namespace can connect to the edge and the Collector's receivers."""
    assert addresses(release, OPEN) == reached(unrelated_pod, addresses(release, OPEN))


@pytest.mark.usefixtures("enforced")
def test_an_unrelated_pod_reaches_nothing_else(release: Release, unrelated_pod: Kube) -> None:
    """The same pod cannot connect to PostgreSQL, the stores of telemetry, the inner service or the metrics."""
    assert [] == reached(unrelated_pod, addresses(release, CLOSED))


def addresses(release: Release, services: dict[str, set[int]]) -> list[tuple[str, int]]:
    return [(f"{release.name}-{name}", port) for name, ports in services.items() for port in sorted(ports)]


def reached(kube: Kube, wanted: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return which of these addresses accept a connection from the unrelated pod."""
    found = json.loads(kube("exec", "unrelated", "--", "python3", "-c", TRY, json.dumps(wanted)))
    return [(host, port) for host, port in found]


def pod(name: str, program: str) -> Object:
    own = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    command = ["python3", "-u", "-c", program]
    container = {"name": name, "image": "python:3.13-slim", "command": command, "securityContext": own}
    spec = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}
