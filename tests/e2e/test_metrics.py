"""Metrics of a release: from processes to Prometheus, to the trace of an exemplar, and to Jaeger's Monitor page."""

from __future__ import annotations

import time
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest
from support.cluster.jaeger import query, traces_of
from support.cluster.kube import is_ready
from support.cluster.prometheus import exemplar_traces, samples
from support.polling import poll_until

from spanloom_local.journey import LIST, SERVICES, send, send_journey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cluster.helm_release import Release

pytestmark = pytest.mark.timeout(300)

REQUESTS = "http_server_request_duration_seconds"
EXPORTED_SECONDS = 120  # processes export once a minute
PARTS = {"prometheus", "otel-collector", "jaeger", "operator"}


@pytest.fixture(scope="module")
def prometheus(release: Release) -> Iterator[str]:
    """Send the requests of the journey, and return the URL of Prometheus."""
    with release.reach("users-api", 8000) as edge:
        assert len(list(send_journey(edge))) > 1
    with release.reach("prometheus", 9090) as url:
        yield url


@pytest.mark.parametrize("service", SERVICES)
def test_requests_are_counted_by_route_and_pod(release: Release, prometheus: str, service: str) -> None:
    """A series of each service has method, route and status of a request, and the pod and Deployment of its process."""
    selector = f'{REQUESTS}_count{{service_name="{service}",http_route="{LIST.route}",http_request_method="GET"}}'
    found = poll_until(lambda: samples(prometheus, selector), f"{service} has requests", EXPORTED_SECONDS)

    (pod,) = release.pods(service)
    expected = {
        "http_response_status_code": str(LIST.status),
        "k8s_namespace_name": release.name,
        "k8s_deployment_name": release.deployment_of(pod),
        "k8s_pod_name": pod["metadata"]["name"],
    }
    assert expected.items() <= found[0]["metric"].items()


def test_an_exemplar_leads_to_its_trace(release: Release, prometheus: str) -> None:
    """Jaeger has the trace of every exemplar of the edge's requests."""
    selector = f'{REQUESTS}_bucket{{service_name="users-api"}}'
    found = poll_until(lambda: exemplar_traces(prometheus, selector), "there are exemplars", EXPORTED_SECONDS)

    with release.reach("jaeger", 16686) as jaeger:
        assert set() == found - traces_of(jaeger, "users-api").keys()


def test_every_part_is_scraped(prometheus: str) -> None:
    """The own metrics of every part are scraped, and nothing else of the namespace."""

    def up() -> dict[str, str]:
        return {item["metric"]["job"]: item["value"][1] for item in samples(prometheus, "up")}

    poll_until(lambda: dict.fromkeys(PARTS, "1") == up(), "every part is up", 60)


def test_the_monitor_page_has_rate_errors_and_duration(release: Release, prometheus: str) -> None:
    """While requests fail, Jaeger's API of the Monitor page has calls, the share of errors and durations in seconds."""
    with _without_the_database_service(release), release.reach("users-api", 8000) as edge:
        values = _monitored_while_failing(release, edge)

    assert values["calls"] > 0
    assert 0 < values["errors"] <= 1
    assert 0 < values["latencies"] < LATENCY_SECONDS


LATENCY_SECONDS = 10  # that of a request; in milliseconds it would be more


@contextmanager
def _without_the_database_service(release: Release) -> Iterator[None]:
    """Stop the other service inside the block."""
    deployment = f"deployment/{release.name}-users-db-service"
    release.kube("scale", deployment, "--replicas=0")
    poll_until(lambda: not release.pods("users-db-service"), "the service is stopped", 90)
    try:
        yield
    finally:
        release.kube("scale", deployment, "--replicas=1")
        poll_until(lambda: [*map(is_ready, release.pods("users-db-service"))] == [True], "it is ready again", 90)


def _monitored_while_failing(release: Release, edge: str) -> dict[str, float]:
    """Send requests that fail until Jaeger has calls, errors and latencies; a rate needs a second export."""

    def monitored() -> dict[str, float]:
        assert HTTPStatus.SERVICE_UNAVAILABLE == send(edge, LIST.method, LIST.route).status
        values = {name: _monitored(jaeger, name) for name in ("calls", "errors", "latencies")}
        return values if all(values.values()) else {}

    with release.reach("jaeger", 16686) as jaeger:
        return poll_until(monitored, "Jaeger has calls, errors and latencies", EXPORTED_SECONDS)


def _monitored(jaeger: str, name: str) -> float:
    """Return the newest value above 0 of calls, errors or latencies of the edge; 0 if there is none yet."""
    parameters: dict[str, Any] = {"service": "users-api", "spanKind": "server", "quantile": "0.95"}
    window = {"endTs": int(time.time() * 1000), "lookback": 600_000, "step": 15_000, "ratePer": 60_000}
    metrics = query(jaeger, f"metrics/{name}", **parameters, **window)["metrics"]
    values = [point["gaugeValue"]["doubleValue"] for item in metrics for point in item["metricPoints"]]
    return next((value for value in reversed(values) if value != "NaN" and value > 0), 0.0)
