"""Every version of the table: the same responses as without the distribution, the same traces as with the newest."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from compatibility.programs import BARE, DISTRIBUTION, ENVIRONMENTS, program
from compatibility.test_applications import FAILING, ROUTES
from compatibility.test_websockets import conversation
from compatibility.versions import VERSIONS
from support.processes.environments import install_environment

if TYPE_CHECKING:
    import pytest
    from compatibility.programs import Program
    from compatibility.versions import Version

    from spanloom_local.receiver import Receiver


def of(library: str, *, whole: bool) -> list[Version]:
    """Return the versions of a library to try; the lowest and the newest unless all of them are asked for."""
    found = [version for version in VERSIONS if version.library == library]
    return found if whole else [found[0], found[-1]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test for each version of the library that a test is about."""
    for library in {version.library for version in VERSIONS}:
        if library in metafunc.fixturenames:
            versions = of(library, whole=metafunc.config.getoption("--whole"))
            metafunc.parametrize(library, versions, ids=[version.version for version in versions])


def both(version: Version, receiver: Receiver, app: str, *requests: str, **environ: str) -> tuple[Program, Program]:
    """Return an application's run without and with the distribution, after these requests."""
    home = install_environment(ENVIRONMENTS / f"{version.environment}.txt")
    runs = []
    for door in (BARE, DISTRIBUTION.to(receiver.url)):
        with program(home, app, door=door, **environ) as running:
            running.send(*requests)
            running.end()
        runs.append(running)
    assert runs[0].responses == runs[1].responses
    assert runs[0].err.count("Traceback") == runs[1].err.count("Traceback"), runs[1].err
    return runs[0], runs[1]


def test_fastapi(fastapi: Version, receiver: Receiver, arrived) -> None:
    """Routes with every prefix, one SERVER span a request, handled and unhandled exceptions."""
    both(fastapi, receiver, "prefixes", *ROUTES)
    names = sorted(span.name for span in arrived.spans())
    assert sorted(f"GET {route}" if route else "GET" for route in ROUTES.values()) == names
    both(fastapi, receiver, "failing", *FAILING)
    assert len(ROUTES) + len(FAILING) == len(arrived.traces())
    [failed] = [span for span in arrived.spans() if span.attributes.get("http.route") == "/fails"]
    assert "ERROR" == failed.status  # what leaves a middleware may be a group, in old versions of Starlette
    assert "ValueError: the price is negative" in failed.events[0]["exception.stacktrace"]


def test_starlette(starlette: Version, receiver: Receiver, arrived) -> None:
    """Routes of an application without FastAPI, mounts and class endpoints included."""
    paths = ["/orders/7", "/orders/500", "/cart", "/tenants/secret/orders/8", "/static/calls.py", "/nowhere"]
    both(starlette, receiver, "starlette_shop", *paths)
    expected = {
        "SERVER GET /orders/{number}": 2,
        "SERVER GET /cart": 1,
        "SERVER GET /tenants/{tenant}/orders/{number}": 1,
        "SERVER GET /static": 1,
        "SERVER GET": 1,
    }
    assert expected == arrived.names()


STATEMENTS = ["/insert/ann", "/insert/ann", "/select", "/text"]
TREES = [
    "SERVER GET /insert/{name}\n  INTERNAL insert\n    CLIENT INSERT users",
    "SERVER GET /insert/{name}\n  INTERNAL insert\n    CLIENT INSERT users",
    "SERVER GET /select\n  CLIENT SELECT users",
    "SERVER GET /text\n  CLIENT SELECT",
]
CALLS = [
    "SERVER GET",
    "SERVER GET /echo",
    "SERVER GET /call\n  CLIENT GET\n  CLIENT GET\n  CLIENT GET",
    "SERVER GET /manual\n  INTERNAL outer\n    CLIENT inner",
]


def test_sqlalchemy(sqlalchemy: Version, receiver: Receiver, arrived) -> None:
    """One span a statement, no connecting, no ping, no probe, no data."""
    both(sqlalchemy, receiver, "database", *STATEMENTS)
    assert TREES == arrived.shapes()
    assert "ann" not in repr([span.attributes for span in arrived.spans() if span.kind == "CLIENT"])


def test_aiohttp(aiohttp: Version, receiver: Receiver, arrived) -> None:
    """One span a request, which carries its context."""
    both(aiohttp, receiver, "calls", "/call", "/manual")
    assert sorted(CALLS) == arrived.shapes()
    assert "CANARY42" not in repr(arrived.spans())


def test_opentelemetry(opentelemetry: Version, receiver: Receiver, arrived) -> None:
    """With the SDK of any allowed version: the same trees, no failed request, and no line of the distribution."""
    signals = {"OTEL_METRICS_EXPORTER": "otlp", "OTEL_LOGS_EXPORTER": "otlp"}
    runs = [
        both(opentelemetry, receiver, "database", *STATEMENTS, **signals),
        both(opentelemetry, receiver, "calls", "/call", "/manual", **signals),
        both(opentelemetry, receiver, "failing", *FAILING, **signals),
    ]
    found = Counter(arrived.shapes())
    assert {tree: found[tree] for tree in {*TREES, *CALLS[1:]}} == Counter([*TREES, *CALLS[1:]])
    said = {line for _, run in runs for line in run.err.splitlines() if line.startswith("spanloom: ")}
    assert set() == said
    assert {"http.server.request.duration"} <= _metrics(receiver)
    assert any("there is one" in str(record) for record in receiver.store.logs)


def _metrics(receiver: Receiver) -> set[str]:
    scopes = [scope for resource in receiver.store.metrics for scope in resource.scope_metrics]
    return {metric.name for scope in scopes for metric in scope.metrics}


def test_a_websocket_of_every_starlette(starlette: Version, receiver: Receiver, arrived) -> None:
    """One SERVER span a connection, named by its route."""
    home = install_environment(ENVIRONMENTS / f"{starlette.environment}.txt")
    with program(home, "starlette_shop", door=DISTRIBUTION.to(receiver.url)) as app:
        assert [] == conversation(app.url, "/echo/secret", "hello")
        app.end()
    assert {"SERVER GET /echo/{room}": 1} == arrived.names()
