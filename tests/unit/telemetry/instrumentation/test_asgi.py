"""Spans, measurements and log lines of requests, through a real server."""

import logging
import re
from collections.abc import Iterator
from unittest.mock import Mock

import aiohttp
import pytest
from opentelemetry import trace
from support.builders.asgi_application import SECRET, TRACE_ID, TRACEPARENT, application
from support.polling import poll_until
from support.servers import serve

from spanloom.instrumentation.hooks import Options
from spanloom.instrumentation.server_call import request_attributes
from spanloom.sdk.instrumentors import AsgiInstrumentor
from spanloom.settings import Settings


@pytest.fixture
def trusting() -> str:
    return "false"


@pytest.fixture
def url(trusting: str, finished) -> Iterator[str]:
    settings = Settings.from_environ({"SPANLOOM_TRUST_INCOMING": trusting, "SPANLOOM_LOG_FORMAT": "json"})
    AsgiInstrumentor().instrument(options=Options(settings))
    with serve(application()) as address:
        yield address
    AsgiInstrumentor().uninstrument()


HTTP = {"type": "http", "method": "GET", "path": "/users/ann", "query_string": b"", "scheme": "http"}


async def nothing(*_: object) -> None: ...


async def get(url: str, **headers: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        await response.read()
        return response.status


async def test_a_request_is_one_server_span_that_names_its_route(url: str, finished) -> None:
    """One span, no send/receive spans, none of FastAPI's own; the attributes of the stable conventions."""
    await get(f"{url}/users/7?token={SECRET}", Authorization=SECRET, Cookie=f"session={SECRET}")
    span = finished.named("GET /users/{name}")
    assert {"inner": "GET /users/{name}", "GET /users/{name}": None} == finished.parents()
    port = int(url.rpartition(":")[2])
    agent = span.attributes["user_agent.original"]
    assert {
        "http.request.method": "GET",
        "http.route": "/users/{name}",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "url.path": "/users/7",
        "network.protocol.version": "1.1",
        "server.address": "127.0.0.1",
        "server.port": port,
        "client.address": "127.0.0.1",
        "user_agent.original": agent,
    } == span.attributes
    assert ("SERVER", "UNSET", None) == (span.kind, span.status, span.parent_id)
    assert SECRET not in repr(finished.all())


@pytest.mark.parametrize(
    ("path", "name", "status", "error"),
    [
        ("/nope", "GET", 404, None),
        (f"/users/{SECRET}", "GET /users/{name}", 200, None),
        ("/busy", "GET /busy", 503, "503"),
        ("/fails", "GET /fails", 500, "LookupError"),
        ("/stream", "GET /stream", 200, None),
        ("/sub/deep/1", "GET /sub/deep/{n}", 200, None),
    ],
)
async def test_outcomes(url: str, finished, path: str, name: str, status: int, error: str | None) -> None:
    """The status is recorded; 5xx and exceptions are errors, 4xx are not; words of the caller are not recorded."""
    assert status == await get(url + path)
    [span] = finished.servers()
    assert (name, status) == (span.name, span.attributes["http.response.status_code"])
    assert ("ERROR" if error else "UNSET", error) == (span.status, span.attributes.get("error.type"))
    assert SECRET not in repr(finished.all())


@pytest.mark.parametrize("path", ["/sync", "/later"])
async def test_context_reaches_threads_and_background_tasks(url: str, finished, path: str) -> None:
    """A sync endpoint runs in a thread, a background task after the response: both stay in the request's trace."""
    await get(url + path)
    finished.servers()
    assert f"GET {path}" == finished.parents()["inner"]


async def test_health_checks_are_silent(url: str, finished, caplog: pytest.LogCaptureFixture) -> None:
    """No span, not even of functions inside, and no access line."""
    caplog.set_level(logging.INFO, "spanloom.access")
    assert 200 == await get(f"{url}/healthz")
    assert [] == finished.all()
    assert [] == [record for record in caplog.records if record.name == "spanloom.access"]


async def test_an_access_line_names_the_route_and_no_path(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """The line has method, route, status and duration, nothing that a caller wrote."""
    caplog.set_level(logging.INFO, "spanloom.access")
    await get(f"{url}/users/{SECRET}?q={SECRET}")
    [record] = poll_until(lambda: [r for r in caplog.records if r.name == "spanloom.access"], "the line is written")
    assert ("GET /users/{name}", 200) == (record.getMessage(), record.status)
    assert SECRET not in repr(vars(record))


async def test_context_of_untrusted_callers_is_dropped(url: str, finished) -> None:
    """By default traceparent, tracestate and baggage from outside are dropped: a trace of our own begins."""
    for flags in ("01", "00"):
        await get(f"{url}/users/7", traceparent=TRACEPARENT[:-2] + flags, tracestate="a=b", baggage=f"who={SECRET}")
    servers = finished.servers(2)
    assert [None, None] == [span.parent_id for span in servers]
    assert TRACE_ID not in {span.trace_id for span in servers}


@pytest.mark.parametrize("trusting", ["true", "127.0.0.0/8"])
async def test_context_of_trusted_callers_is_continued(url: str, finished) -> None:
    """With `true`, or for listed networks, the caller's trace continues here with its baggage."""
    async with aiohttp.ClientSession() as session:
        response = await session.get(f"{url}/baggage", headers={"traceparent": TRACEPARENT, "baggage": "who=friend"})
        assert {"who": "friend"} == await response.json()
    span = finished.one()
    assert (TRACE_ID, "b7ad6b7169203331") == (span.trace_id, span.parent_id)


@pytest.mark.parametrize("trusting", ["10.0.0.0/8"])
async def test_callers_outside_the_listed_networks_are_untrusted(url: str, finished) -> None:
    """A list of networks trusts no other caller."""
    await get(f"{url}/users/7", traceparent=TRACEPARENT)
    assert finished.named("GET /users/{name}").parent_id is None


async def test_an_address_may_be_a_list(url: str, finished) -> None:
    """ASGI asks for two items, not for a tuple of them; Starlette's TestClient sends a list."""
    scope = {**HTTP, "headers": [], "server": ["testserver", 80], "client": ["testclient", 50000]}
    await application()(scope, nothing, nothing)
    attributes = finished.named("GET /users/{name}").attributes
    assert ("testserver", 80, "testclient") == tuple(
        attributes[key] for key in ("server.address", "server.port", "client.address")
    )


HOSTS: dict[str, dict[str, object]] = {
    "shop": {"server.address": "shop"},
    "shop:80": {"server.address": "shop", "server.port": 80},
    "[::1]:8000": {"server.address": "[::1]", "server.port": 8000},
    "shop:": {"server.address": "listener"},
    "shop:65536": {"server.address": "listener"},
    f"shop:{'9' * 5000}": {"server.address": "listener"},
    "s" * 60_000: {"server.address": "s" * 256},
}


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host[:20])
async def test_a_host_is_whatever_the_caller_says(host: str, url: str, finished) -> None:
    """It is cut, and one with a port that is none does not count."""
    scope = {**HTTP, "headers": [(b"host", host.encode())], "server": ("listener", None), "client": ("c", 1)}
    await application()(scope, nothing, nothing)
    attributes = finished.named("GET /users/{name}").attributes
    assert HOSTS[host] == {key: value for key, value in attributes.items() if key.startswith("server.")}


async def test_a_span_ends_whatever_else_fails(url: str, finished, monkeypatch, caplog) -> None:
    """A filter of the access log that fails loses no span, and leaves none behind as the current one."""
    fails = Mock(**{"filter.side_effect": LookupError("gone")})
    monkeypatch.setattr(logging.getLogger("spanloom.access"), "filters", [fails])
    scope = {**HTTP, "headers": [], "server": None, "client": ("c", 1)}
    with caplog.at_level(logging.INFO, "spanloom.access"):
        await application()(scope, nothing, nothing)
    actual = finished.named("GET /users/{name}").name, trace.get_current_span()
    assert ("GET /users/{name}", trace.INVALID_SPAN) == actual


def test_what_callers_choose_is_not_kept() -> None:
    """Only what the application and its server choose is remembered: it is the same object for all callers."""
    callers = [(b"host-%d" % n, b"agent-%d" % n, ("listener", 80), f"10.0.0.{n}") for n in range(100)]
    described = [
        request_attributes(f"M{n}", "http", "/{n}", 200, f"/{n}", "1.1", *one) for n, one in enumerate(callers)
    ]
    assert 1 == len({id(shared) for shared, _ in described})


async def test_an_invented_method_is_not_a_span_name(url: str, finished) -> None:
    """Names stay few whatever callers send."""
    async with aiohttp.ClientSession() as session:
        await session.request("PURGE", f"{url}/users/7")
    [span] = finished.servers()
    assert re.match(r"HTTP\b", span.name)
    assert ("_OTHER", "PURGE") == (
        span.attributes["http.request.method"],
        span.attributes["http.request.method_original"],
    )
