"""Spans of outgoing requests of every client library, against a real server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import pytest
import requests
import urllib3
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import Route
from support.servers import serve

from spanloom.sdk.instrumentors import ClientInstrumentor, HttpxInstrumentor, Urllib3Instrumentor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.requests import Request

    Headers = dict[str, list[str]]
    Get = Callable[..., Headers]

SECRET = "s3cret-canary"
INSTRUMENTORS = (ClientInstrumentor, HttpxInstrumentor, Urllib3Instrumentor)


def with_aiohttp(url: str, headers: list[tuple[str, str]]) -> Headers:
    async def get() -> Any:
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
            return await response.json()

    found: Headers = asyncio.run(get())
    return found


def with_httpx(url: str, headers: list[tuple[str, str]]) -> Headers:
    found: Headers = httpx.get(url, headers=headers, follow_redirects=True).json()
    return found


def with_async_httpx(url: str, headers: list[tuple[str, str]]) -> Headers:
    async def get() -> Any:
        async with httpx.AsyncClient(follow_redirects=True) as client:
            return (await client.get(url, headers=headers)).json()

    found: Headers = asyncio.run(get())
    return found


def with_requests(url: str, headers: list[tuple[str, str]]) -> Headers:
    found: Headers = requests.get(url, headers=dict(headers), timeout=10).json()
    return found


def with_urllib3(url: str, headers: list[tuple[str, str]]) -> Headers:
    found: Headers = urllib3.PoolManager().request("GET", url, headers=urllib3.HTTPHeaderDict(headers)).json()
    return found


CLIENTS = {
    "aiohttp": with_aiohttp, "httpx": with_httpx, "httpx async": with_async_httpx, "requests": with_requests,
    "urllib3": with_urllib3,
}  # fmt: skip
REFUSED = {
    "aiohttp": "aiohttp.client_exceptions.ClientConnectorError", "httpx": "httpx.ConnectError",
    "httpx async": "httpx.ConnectError", "requests": "urllib3.exceptions.MaxRetryError",
    "urllib3": "urllib3.exceptions.MaxRetryError",
}  # fmt: skip


@pytest.fixture
def url(finished) -> Iterator[str]:
    def headers(request: Request) -> JSONResponse:
        return JSONResponse({name: request.headers.getlist(name) for name in request.headers})

    def redirect(_: Request) -> RedirectResponse:
        return RedirectResponse("/headers")

    for instrumentor in INSTRUMENTORS:
        instrumentor().instrument()
    with serve(Starlette(routes=[Route("/headers", headers), Route("/old", redirect)])) as address:
        yield address
    for instrumentor in INSTRUMENTORS:
        instrumentor().uninstrument()


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    """Return the name of a client library."""
    name: str = request.param
    return name


def test_a_request_is_a_client_span_and_carries_its_context(client: str, url: str, finished) -> None:
    """The server receives trace and span id; the URL is recorded without query and fragment."""
    headers = CLIENTS[client](f"{url}/headers?token={SECRET}#part", [("x-a", "1"), ("x-b", "2")])
    span = finished.one()
    assert [f"00-{span.trace_id}-{span.span_id}"] == [one.rpartition("-")[0] for one in headers["traceparent"]]
    assert [["1"], ["2"]] == [headers["x-a"], headers["x-b"]]
    assert {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.full": f"{url}/headers",
        "server.address": "127.0.0.1",
        "server.port": int(url.rpartition(":")[2]),
    } == span.attributes
    assert ("GET", "CLIENT", "UNSET") == (span.name, span.kind, span.status)


@pytest.mark.parametrize("client", ["aiohttp", "httpx", "httpx async", "urllib3"])
def test_headers_that_repeat_stay(client: str, url: str) -> None:
    """Each value of the application's own headers is sent."""
    headers = CLIENTS[client](f"{url}/headers", [("x-a", "1"), ("x-a", "2")])
    assert ["1", "2"] == ", ".join(headers["x-a"]).split(", ")


def test_an_error_status_is_an_error_of_the_client(client: str, url: str, finished) -> None:
    """4xx and 5xx set ERROR and the status as error.type."""
    with pytest.raises((ValueError, aiohttp.ContentTypeError)):  # the body is no JSON
        CLIENTS[client](f"{url}/nope", [])
    span = finished.one()
    assert ("ERROR", "404", 404) == (
        span.status,
        span.attributes["error.type"],
        span.attributes["http.response.status_code"],
    )


@pytest.mark.parametrize("client", ["httpx", "httpx async", "requests"])
def test_a_redirect_is_a_request_of_its_own(client: str, url: str, finished) -> None:
    """As semantic conventions say; both are siblings."""
    CLIENTS[client](f"{url}/old", [])
    spans = finished.all()
    assert [307, 200] == [span.attributes["http.response.status_code"] for span in spans]
    assert [None, None] == [span.parent_id for span in spans]


def test_no_response_is_an_error_of_its_type(client: str, url: str, finished) -> None:
    """A refused connection reaches the caller and is recorded on the span."""
    with pytest.raises((OSError, httpx.ConnectError, urllib3.exceptions.MaxRetryError)):
        CLIENTS[client]("http://127.0.0.1:9/", [])
    assert REFUSED[client] == finished.one().attributes["error.type"]


def test_suppressed_means_silent(client: str, url: str, finished) -> None:
    """Inside a health check, and for the exporter itself, nothing is traced or sent along."""
    with suppress_instrumentation(), trace.use_span(trace.INVALID_SPAN):
        headers = CLIENTS[client](f"{url}/headers", [])
    assert "traceparent" not in headers
    assert [] == finished.all()


def test_retries_are_part_of_a_request(url: str, finished) -> None:
    """urllib3 sends a request again by itself: one span."""
    retries = urllib3.Retry(2, status_forcelist=[404], raise_on_status=False)
    urllib3.PoolManager(retries=retries).request("GET", f"{url}/nope")
    assert 404 == finished.one().attributes["http.response.status_code"]


async def test_a_base_url_is_part_of_the_address(url: str, finished) -> None:
    """A session with a base URL is traced with the whole address, without credentials."""
    async with aiohttp.ClientSession(f"http://user:{SECRET}@127.0.0.1:{url.rpartition(':')[2]}") as session:
        await session.get("/headers")
    assert f"{url}/headers" == finished.one().attributes["url.full"]


async def test_an_address_that_is_none_is_refused_by_aiohttp(url: str, finished) -> None:
    """Its own error, and no span: nothing was sent."""
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.InvalidURL):
            await session.get("http://[::1")
    assert [] == finished.all()
