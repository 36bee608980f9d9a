"""Memory of requests that have ended."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any
from weakref import ref

import pytest

from spanloom.core.guard import Guard
from spanloom.instrumentation.asgi import AsgiHook
from spanloom.instrumentation.hooks import Options
from spanloom.instrumentation.wsgi import WsgiHook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Request(dict[str, Any]):
    """An ASGI scope or WSGI environment to which a weak reference is possible."""


def send_asgi() -> ref[Request]:
    """Have an ASGI application respond to a request; return a weak reference to the request."""

    async def app(_: object, scope: Request, receive: Any, send: Callable[[dict[str, Any]], Any]) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    async def send(_: dict[str, Any]) -> None: ...

    request = Request(type="http", method="GET", path="/", scheme="http", headers=[])
    asyncio.run(AsgiHook(Options(), Guard("asgi")).around(app)(None, request, None, send))
    return ref(request)


def send_wsgi() -> ref[Request]:
    """Have a WSGI application respond to a request; return a weak reference to the request."""

    def app(_: object, environ: Request, start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [])
        return []

    request = Request(REQUEST_METHOD="GET", PATH_INFO="/")
    WsgiHook(Options(), Guard("wsgi")).around(app)(None, request, lambda *_: None)
    return ref(request)


@pytest.fixture
def no_garbage_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_garbage_collection")
@pytest.mark.parametrize("send", [send_asgi, send_wsgi])
def test_a_request_that_has_ended_needs_no_garbage_collection(send: Callable[[], ref[Request]]) -> None:
    """Nothing of the instrumentation refers to it in a cycle: its memory is free at once."""
    assert send()() is None
