"""Secrets and personal data through every path of a real release: none is found where operators of it look.

Searched are Jaeger, the Collector's metrics, the logs of every part but PostgreSQL (it quotes rows that break a
constraint: SECURITY.md), the Events, and the Deployments and profiles with their status.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest
from support.builders.canaries import PATHS, TRAPS, Outputs
from support.cluster.jaeger import query
from support.polling import poll_until
from support.raw_http import exchange, status

from spanloom_local.cluster import found_in_jaeger
from spanloom_local.journey import LIST, SERVICES, send

if TYPE_CHECKING:
    from support.cluster.helm_release import Release

    from spanloom_local.journey import Response

pytestmark = pytest.mark.timeout(600)

AT_ONCE = 8
ROUTE = "/users/{user_id}"
LOGS = ("otel-collector", "jaeger", "operator", *SERVICES)
PSQL = "PGPASSWORD=$(cat /etc/postgres/auth/postgres-password) exec psql --username=postgres --quiet users"
OBJECTS = "events,deployments,statefulsets,pods,otelprofiles"


@pytest.fixture(scope="module")
def told(release: Release) -> Outputs:
    """Send every canary to both services, wait until all has arrived, and return what is told where."""
    found = Outputs()
    database = release.pods("postgres")[0]["metadata"]["name"]
    release.kube("exec", "--stdin", database, "--", "sh", "-c", PSQL, stdin=TRAPS)
    with release.reach("users-api", 8000) as edge, release.reach("users-db-service", 8000) as internal:
        with ThreadPoolExecutor(AT_ONCE) as pool:  # a forwarded connection takes a second to end
            found.responses = dict(pool.map(lambda path: (path, attacked(path, found, edge, internal)), PATHS))
        last = send(edge, LIST.method, LIST.route)
    poll_until(lambda: stored(release, last), "the last request is in Jaeger", 120)
    poll_until(lambda: ROUTE in release.metrics(), "the metrics tell of the routes", 60)
    found.bytes = {place: text.encode() for place, text in everything(release).items()}
    return found


def stored(release: Release, response: Response) -> bool:
    """Tell whether Jaeger has the whole trace of `answer`, asked through a connection of its own."""
    with release.reach("jaeger", 16686) as jaeger:
        trace = found_in_jaeger(jaeger, response)
    return trace is not None and len(trace.spans) == len(LIST.tree.splitlines())


def attacked(path: str, found: Outputs, edge: str, internal: str) -> set[int]:
    """Send the path's requests to the edge, and to the service behind it; return how the edge has answered."""
    attacks = [request.written(found.canaries[path]) for request in PATHS[path][0]]
    responses = {status(exchange(edge, [attack])) for attack in attacks}
    for attack in attacks:
        exchange(internal, [attack])
    return responses


def everything(release: Release) -> dict[str, str]:
    """Return what operators of the release see, by place."""
    with release.reach("jaeger", 16686) as jaeger:
        traces = [_text(f"{jaeger}/api/traces?service={name}&limit=7000") for name in query(jaeger, "services")["data"]]
    with release.reach("otel-collector-pods", 8888) as collector:
        own = _text(f"{collector}/metrics")
    found = {"Jaeger": "".join(traces), "metrics": release.metrics() + own}
    found["objects"] = release.kube("get", OBJECTS, "--output=json", "--show-managed-fields")
    for part in LOGS:
        selector = f"--selector=app.kubernetes.io/name={part},app.kubernetes.io/instance={release.name}"
        found[part] = release.kube("logs", selector, "--all-containers", "--tail=-1")
    return found


def _text(url: str) -> str:
    with urlopen(url, timeout=60) as response:
        return str(response.read().decode())


@pytest.mark.parametrize("path", PATHS)
def test_a_canary_is_found_nowhere(told: Outputs, path: str) -> None:
    """What a caller sends, or an error quotes, is in no trace, metric, log, Event or status."""
    assert [] == told.where(told.canaries[path])


def test_every_path_was_walked(told: Outputs) -> None:
    """The requests were answered as meant, so the canaries did get in."""
    assert {path: told.responses[path] for path in PATHS} == {path: expected for path, (_, expected) in PATHS.items()}


def test_what_may_be_told_is_found(told: Outputs) -> None:
    """The search would find a canary: each place that tells of requests or objects was read."""
    assert {"Jaeger", "metrics", *SERVICES} <= set(told.where(ROUTE))
    for name in ("UniqueViolation", "CheckViolation", "RaiseException"):
        assert {"Jaeger", "otel-collector", "users-db-service"} <= set(told.where(name))
    assert {"objects", "jaeger", "operator"} <= {place for place, found in told.bytes.items() if found}
    assert "objects" in told.where("involvedObject")
