"""One CLIENT span for every request of an aiohttp session, its context sent along.

Attributes: OpenTelemetry semantic conventions, "HTTP client span". The URL goes without its query.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from multidict import CIMultiDict
from opentelemetry import trace
from opentelemetry.instrumentation.utils import is_http_instrumentation_enabled, unwrap
from opentelemetry.trace import SpanKind, Status, StatusCode
from wrapt import when_imported, wrap_function_wrapper

from spanloom.hooks import Hook
from spanloom.http import method_attributes
from spanloom.instrument import Active
from spanloom.propagation import inject

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_tracer = trace.get_tracer("spanloom.client")


class ClientInstrumentor(Hook):
    """Hooks aiohttp's client once it is imported."""

    def _instrument(self, **_: Any) -> None:
        when_imported("aiohttp.client")(
            lambda module: wrap_function_wrapper(module, "ClientSession._request", _request)
        )

    def _uninstrument(self, **_: Any) -> None:
        unwrap("aiohttp.client.ClientSession", "_request")


async def _request(
    wrapped: Callable[..., Awaitable[Any]], session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if not is_http_instrumentation_enabled():
        return await wrapped(*args, **kwargs)
    method, address, *rest = args
    url = session._build_url(address)  # noqa: SLF001 where aiohttp joins the session's base URL
    attributes: dict[str, Any] = {**method_attributes(method), **_url_attributes(url)}
    name = attributes["http.request.method"].replace("_OTHER", "HTTP")
    with Active(_tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)) as span:
        return await _sent(wrapped, span, (method, address, *rest), kwargs)


async def _sent(
    wrapped: Callable[..., Awaitable[Any]], span: trace.Span, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    headers = CIMultiDict(kwargs.pop("headers", None) or {})
    inject(headers, span)
    response = await wrapped(*args, headers=headers, **kwargs)
    span.set_attribute("http.response.status_code", response.status)
    if response.status >= 400:
        span.set_attribute("error.type", str(response.status))
        span.set_status(Status(StatusCode.ERROR))
    return response


def _url_attributes(url: Any) -> dict[str, str | int]:
    return {"url.full": _bare(url), "server.address": url.host or "", "server.port": url.port or 0}


def _bare(url: Any) -> str:
    """Return `url` without query, fragment and user; few have one, and taking away costs more than looking."""
    if url.raw_query_string or url.raw_fragment or url.raw_user or url.raw_password:
        url = url.with_query(None).with_fragment(None).with_user(None)
    return str(url)
