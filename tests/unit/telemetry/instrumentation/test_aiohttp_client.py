"""Spans of outgoing requests, against a real server."""

from collections.abc import Iterator

import aiohttp
import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from support.servers import serve

from spanloom.sdk.instrumentors import ClientInstrumentor

SECRET = "s3cret-canary"


@pytest.fixture
def url(finished) -> Iterator[str]:
    def headers(request: Request) -> JSONResponse:
        return JSONResponse({name: request.headers.getlist(name) for name in request.headers})

    ClientInstrumentor().instrument()
    with serve(Starlette(routes=[Route("/headers", headers)])) as address:
        yield address
    ClientInstrumentor().uninstrument()


async def test_a_request_is_a_client_span_and_carries_its_context(url: str, finished) -> None:
    """The other side learns trace and span; the URL is told without query or password."""
    async with aiohttp.ClientSession() as session:
        answer = await session.get(f"{url}/headers", params={"token": SECRET}, headers=[("x-a", "1"), ("x-a", "2")])
        headers = await answer.json()
    span = finished.one()
    assert f"00-{span.trace_id}-{span.span_id}" == headers["traceparent"][0].rpartition("-")[0]
    assert ["1", "2"] == headers["x-a"]
    assert {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.full": f"{url}/headers",
        "server.address": "127.0.0.1",
        "server.port": int(url.rpartition(":")[2]),
    } == span.attributes
    assert ("GET", "CLIENT", "UNSET") == (span.name, span.kind, span.status)


async def test_a_base_url_is_part_of_the_address(url: str, finished) -> None:
    """A session with a base URL is traced with the whole address."""
    async with aiohttp.ClientSession(f"http://user:{SECRET}@127.0.0.1:{url.rpartition(':')[2]}") as session:
        await session.get("/headers")
    assert f"{url}/headers" == finished.one().attributes["url.full"]


async def test_an_error_status_is_an_error_of_the_client(url: str, finished) -> None:
    """4xx and 5xx set ERROR and the status as error.type."""
    async with aiohttp.ClientSession() as session:
        await session.get(f"{url}/nope")
    span = finished.one()
    assert ("ERROR", "404", 404) == (
        span.status,
        span.attributes["error.type"],
        span.attributes["http.response.status_code"],
    )


async def test_no_answer_is_an_error_of_its_type(finished) -> None:
    """A refused connection reaches the caller and names itself on the span."""
    ClientInstrumentor().instrument()
    try:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get("http://127.0.0.1:9/")
    finally:
        ClientInstrumentor().uninstrument()
    assert "aiohttp.client_exceptions.ClientConnectorError" == finished.one().attributes["error.type"]


async def test_an_address_that_is_none_is_refused_by_aiohttp(url: str, finished) -> None:
    """Its own error, and no span: nothing was sent."""
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.InvalidURL):
            await session.get("http://[::1")
    assert [] == finished.all()


async def test_suppressed_means_silent(url: str, finished) -> None:
    """Inside a health check, and for the exporter itself, nothing is traced or sent along."""
    async with aiohttp.ClientSession() as session:
        with suppress_instrumentation(), trace.use_span(trace.INVALID_SPAN):
            answer = await session.get(f"{url}/headers")
        assert "traceparent" not in await answer.json()
    assert [] == finished.all()
