"""Secrets and personal data by every input of a real release: none is found where its operators look.

The test searches Jaeger, VictoriaLogs, the Collector's metrics, the logs of every part except PostgreSQL (it quotes
rows that violate a constraint: SECURITY.md), the Events, and the Deployments and profiles with their status.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest
from support.builders.canaries import PATHS, TRAPS, Outputs
from support.cluster.jaeger import query
from support.cluster.victoria_logs import records
from support.polling import poll_until
from support.raw_http import exchange, status

from spanloom_local.cluster import wait_for_log_lines, wait_for_trace
from spanloom_local.journey import LIST, SERVICES, send

if TYPE_CHECKING:
    from support.cluster.helm_release import Release


pytestmark = pytest.mark.timeout(600)

AT_ONCE = 8
ROUTE = "/users/{user_id}"
PARTS = ("otel-collector", "jaeger", "victoria-logs", "operator")
LOGS = (*PARTS, *SERVICES)
PSQL = "PGPASSWORD=$(cat /etc/postgres/auth/postgres-password) exec psql --username=postgres --quiet users"
OBJECTS = "events,deployments,statefulsets,pods,otelprofiles"


@pytest.fixture(scope="module")
def outputs(release: Release) -> Outputs:
    """Send every canary to both services, wait until all spans have arrived, and return the outputs."""
    found = Outputs()
    database = release.pods("postgres")[0]["metadata"]["name"]
    release.kube("exec", "--stdin", database, "--", "sh", "-c", PSQL, stdin=TRAPS)
    with release.reach("users-api", 8000) as edge, release.reach("users-db-service", 8000) as internal:
        with ThreadPoolExecutor(AT_ONCE) as pool:  # a forwarded connection takes a second to end
            found.responses = dict(pool.map(lambda path: (path, send_requests(path, found, edge, internal)), PATHS))
        last = send(edge, LIST.method, LIST.route)
    with release.reach("jaeger", 16686) as jaeger, release.reach("victoria-logs", 9428) as logs:
        trace = wait_for_trace(jaeger, last, len(LIST.tree.splitlines()), 120)
        wait_for_log_lines(logs, trace.trace_id)
    poll_until(lambda: ROUTE in release.metrics(), "the metrics contain the routes", 60)
    found.bytes = {place: text.encode() for place, text in everything(release).items()}
    return found


def send_requests(path: str, found: Outputs, edge: str, internal: str) -> set[int]:
    """Send the requests to the edge and to the service behind it; return the edge's status codes."""
    attacks = [request.written(found.canaries[path]) for request in PATHS[path][0]]
    responses = {status(exchange(edge, [attack])) for attack in attacks}
    for attack in attacks:
        exchange(internal, [attack])
    return responses


def everything(release: Release) -> dict[str, str]:
    """Return everything that operators of the release can see, by name."""
    with release.reach("jaeger", 16686) as jaeger:
        traces = [_text(f"{jaeger}/api/traces?service={name}&limit=7000") for name in query(jaeger, "services")["data"]]
    with release.reach("otel-collector-pods", 8888) as collector:
        own = _text(f"{collector}/metrics")
    with release.reach("victoria-logs", 9428) as logs:
        stored = json.dumps(records(logs, "*"))
    found = {"Jaeger": "".join(traces), "VictoriaLogs": stored, "metrics": release.metrics() + own}
    found["objects"] = release.kube("get", OBJECTS, "--output=json", "--show-managed-fields")
    for part in LOGS:
        selector = f"--selector=app.kubernetes.io/name={part},app.kubernetes.io/instance={release.name}"
        found[part] = release.kube("logs", selector, "--all-containers", "--tail=-1")
    return found


def _text(url: str) -> str:
    with urlopen(url, timeout=60) as response:
        return str(response.read().decode())


@pytest.mark.parametrize("path", PATHS)
def test_no_output_contains_a_canary(outputs: Outputs, path: str) -> None:
    """A value from a caller or a database error is in no trace, metric, log, Event or status."""
    assert [] == outputs.where(outputs.canaries[path])


def test_every_request_had_its_status(outputs: Outputs) -> None:
    """The requests had the expected status codes, so the canaries were processed."""
    assert {} == outputs.unexpected()


def test_every_output_is_searched(outputs: Outputs) -> None:
    """The search would find a canary: each output contains a word that it should contain."""
    assert {"Jaeger", "VictoriaLogs", "metrics", *SERVICES} <= set(outputs.where(ROUTE))
    for name in ("UniqueViolation", "CheckViolation", "RaiseException"):
        assert {"Jaeger", "VictoriaLogs", "users-db-service"} <= set(outputs.where(name))
    assert {"objects", *PARTS} <= {place for place, found in outputs.bytes.items() if found}
    assert "objects" in outputs.where("involvedObject")
