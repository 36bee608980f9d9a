"""One CLIENT span for every request of an aiohttp session, its context sent along.

Attributes: OpenTelemetry semantic conventions, "HTTP client span". The URL goes without its query.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from multidict import CIMultiDict
from opentelemetry import trace
from opentelemetry.instrumentation.utils import unwrap
from opentelemetry.trace import SpanKind, Status, StatusCode
from wrapt import when_imported, wrap_function_wrapper

from spanloom.current import SPAN, attach, detach, get_current, is_dropped, is_suppressed_http, with_span
from spanloom.hooks import Hook
from spanloom.http import method_attributes, span_name
from spanloom.instrument import fail
from spanloom.known import Known, describe_later
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
    context = get_current()
    if is_suppressed_http(context):
        return await wrapped(*args, **kwargs)
    headers = kwargs["headers"] = CIMultiDict(kwargs.get("headers") or {})
    if is_dropped(context):
        inject(headers, context[SPAN])  # type: ignore[arg-type] # a Dropped
        return await wrapped(*args, **kwargs)
    method, address, *rest = args
    try:
        url = session._build_url(address)  # noqa: SLF001 where aiohttp joins the session's base URL
    except ValueError:
        return await wrapped(*args, **kwargs)  # aiohttp says what is wrong with it
    known = _known(method, url.host, url.port)
    span = _tracer.start_span(span_name(method), context, SpanKind.CLIENT, known)
    token = attach(with_span(span, context))
    try:
        describe_later(span, _url_attributes, url)
        inject(headers, span)
        return _answered(span, await wrapped(method, url, *rest, **kwargs))
    except BaseException as error:
        fail(span, error)
        raise
    finally:
        detach(token)
        span.end()


def _answered(span: trace.Span, response: Any) -> Any:
    describe_later(span, _status_attributes, response.status)
    if response.status >= 400:
        span.set_attribute("error.type", str(response.status))
        span.set_status(Status(StatusCode.ERROR))
    return response


@lru_cache(maxsize=256)
def _known(method: str, host: str | None, port: int | None) -> Known:
    return Known({**method_attributes(method), "server.address": host or "", "server.port": port or 0})


def _status_attributes(status: int) -> tuple[dict[str, int]]:
    return ({"http.response.status_code": status},)


def _url_attributes(url: Any) -> tuple[dict[str, str]]:
    """Return `url` without query, fragment and user; few have one, and taking away costs more than looking."""
    if url.raw_query_string or url.raw_fragment or url.raw_user or url.raw_password:
        url = url.with_query(None).with_fragment(None).with_user(None)
    return ({"url.full": str(url)},)
