"""Log records on the installed release: from the services to VictoriaLogs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.cluster.victoria_logs import records_of_trace
from support.polling import poll_until

from spanloom_local.cluster import wait_for_log_lines, wait_for_trace
from spanloom_local.journey import CREATE, SERVICES, send

if TYPE_CHECKING:
    from support.cluster.helm_release import Release

    from spanloom.testing import Trace

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def trace(release: Release) -> Trace:
    """Create a user and return the trace of the request."""
    with release.reach("users-api", 8000) as edge:
        response = send(edge, CREATE.method, CREATE.route, CREATE.body)
    with release.reach("jaeger", 16686) as jaeger:
        return wait_for_trace(jaeger, response, len(CREATE.tree.splitlines()))


@pytest.fixture(scope="module")
def found(release: Release, trace: Trace) -> list[dict[str, Any]]:
    """Return the log records of the trace, as soon as both services have one."""
    with release.reach("victoria-logs", 9428) as logs:
        poll_until(
            lambda: set(SERVICES) == {record["service.name"] for record in records_of_trace(logs, trace.trace_id)},
            "both services have a log record of the trace",
            60,
        )
        return records_of_trace(logs, trace.trace_id)


def test_log_records_are_found_by_trace_id(trace: Trace, found: list[dict[str, Any]]) -> None:
    """A request has exactly one access record of each service, each within a server span of its trace."""
    servers = {span.service: span.span_id for span in trace.spans if span.kind == "SERVER"}
    expected = sorted((service, f"{CREATE.method} {CREATE.route}", servers[service]) for service in SERVICES)
    assert expected == sorted((record["service.name"], record["_msg"], record["span_id"]) for record in found)


def test_log_records_name_their_pod(release: Release, found: list[dict[str, Any]]) -> None:
    """Every log record names the namespace and the pod of its service, as its spans do."""
    pods = {service: pod["metadata"]["name"] for service in SERVICES for pod in release.pods(service)}
    assert {(release.name, pod) for pod in pods.values()} == {
        (record["k8s.namespace.name"], record["k8s.pod.name"]) for record in found
    }


def test_the_last_step_of_make_up_finds_the_records(release: Release, trace: Trace) -> None:
    """`make up` prints one line for each record of its request; either service may be the first to end."""
    with release.reach("victoria-logs", 9428) as logs:
        lines = wait_for_log_lines(logs, trace.trace_id)
    message = f"{CREATE.method} {CREATE.route}"
    assert [["users-api", "INFO", message], ["users-db-service", "INFO", message]] == sorted(
        line.split(maxsplit=2) for line in lines
    )


def test_log_lines_are_written_to_standard_error_too(release: Release, trace: Trace) -> None:
    """`kubectl logs` has the same records: OTLP does not replace standard error."""
    for service in SERVICES:
        lines = [line["message"] for line in release.log(service) if line.get("trace_id") == trace.trace_id]
        assert [f"{CREATE.method} {CREATE.route}"] == lines
