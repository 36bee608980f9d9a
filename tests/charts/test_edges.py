"""The allowed connections of the umbrella chart's default values, by the policies of both ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from charts.rendering import Case, cases, containers, of_kind, pod_templates, selects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from charts.rendering import Object

EDGES = {
    ("users-api", "users-db-service", 8000),
    ("users-api", "otel-collector", 4318),
    ("users-db-service", "otel-collector", 4318),
    ("operator", "otel-collector", 4318),
    ("users-db-service", "postgres", 5432),
    ("otel-collector", "jaeger", 4317),
    ("otel-collector", "victoria-logs", 9428),
    ("otel-collector", "prometheus", 9090),
    ("jaeger", "prometheus", 9090),
    ("prometheus", "otel-collector", 8888),
    ("prometheus", "jaeger", 8888),
    ("prometheus", "operator", 9090),
    # helm test
    ("users-test", "users-api", 8000),
    ("users-test", "jaeger", 16686),
    ("users-test", "victoria-logs", 9428),
    ("otel-collector-test", "otel-collector", 4318),
    ("otel-collector-test", "otel-collector", 8889),
    ("jaeger-test", "jaeger", 4318),
    ("jaeger-test", "jaeger", 16686),
    ("victoria-logs-test", "victoria-logs", 9428),
    ("postgres-test", "postgres", 5432),
    ("prometheus-test", "prometheus", 9090),
}
NAMESPACE = {"kubernetes.io/metadata.name": "spanloom"}


def test_connections_of_the_default_values() -> None:
    """Within the release, the connections of the main flow and of `helm test` are allowed, and no others."""
    (default,) = (case for case in cases() if str(case) == "spanloom-default")
    assert EDGES == set(_edges(default))


def test_an_unrelated_pod_in_the_namespace() -> None:
    """An unrelated pod can connect to the edge and send telemetry, and to nothing else."""
    (default,) = (case for case in cases() if str(case) == "spanloom-default")
    unrelated = {"metadata": {"labels": {"app": "unrelated"}}}
    reached = {
        (_name(pod), number)
        for pod in pod_templates(default)
        for name, number in _ports(pod)
        if _allows(default, "Ingress", pod, unrelated, {name, number})
    }
    assert reached == {("users-api", 8000), ("otel-collector", 4317), ("otel-collector", 4318)}


@pytest.mark.parametrize("label", [None, {"spanloom.dev/telemetry": "enabled"}])
def test_other_namespaces_send_when_labelled(label: dict[str, str] | None) -> None:
    """Pods of another namespace can connect to the Collector's receivers only if that namespace has the label."""
    (default,) = (case for case in cases() if str(case) == "spanloom-default")
    (policy,) = (p for p in of_kind(default, "NetworkPolicy") if p["metadata"]["name"] == "demo-otel-collector")
    shop = {"kubernetes.io/metadata.name": "shop"} | (label or {})
    allowed = {
        port["port"]
        for rule in policy["spec"]["ingress"]
        if _matches(rule["from"], {"app": "shop"}, shop)
        for port in rule["ports"]
    }
    assert allowed == ({"otlp-grpc", "otlp-http"} if label else set())


def _edges(case: Case) -> Iterator[tuple[str, str, int]]:
    pods = [pod for pod in pod_templates(case)]  # noqa: C416
    for source in pods:
        for target in pods:
            for name, number in _ports(target):
                if _allows(case, "Egress", source, target, {name, number}) and _allows(
                    case, "Ingress", target, source, {name, number}
                ):
                    yield _name(source), _name(target), number


def _allows(case: Case, direction: str, pod: Object, peer: Object, port: set[str | int]) -> bool:
    """Return whether a policy of `pod` has a rule for `peer` and the port (by name or number)."""
    kind, side = direction.lower(), "from" if direction == "Ingress" else "to"
    rules = [
        rule
        for policy in of_kind(case, "NetworkPolicy")
        if selects(policy["spec"]["podSelector"], pod["metadata"]["labels"])
        for rule in policy["spec"].get(kind, [])
    ]
    labels = peer["metadata"]["labels"]
    return any(
        _matches(rule.get(side, [{"namespaceSelector": {}}]), labels, NAMESPACE)
        and port & {entry["port"] for entry in rule["ports"]}
        for rule in rules
    )


def _matches(peers: list[Object], labels: Object, namespace: Object) -> bool:
    """Return whether a pod with these labels, in a namespace with those, is one of `peers`; no pod is an ipBlock."""
    return any(
        "ipBlock" not in peer
        and selects(peer.get("podSelector", {}), labels)
        and selects(peer.get("namespaceSelector", {"matchLabels": NAMESPACE}), namespace)
        for peer in peers
    )


def _ports(pod: Object) -> list[tuple[str, int]]:
    return [(port["name"], port["containerPort"]) for c in containers(pod) for port in c.get("ports", [])]


def _name(pod: Object) -> str:
    name: str = pod["metadata"]["labels"]["app.kubernetes.io/name"]
    return name
