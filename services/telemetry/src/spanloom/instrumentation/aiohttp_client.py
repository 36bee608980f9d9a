"""One CLIENT span for every request of an aiohttp session, with its context in the request's headers.

Attributes: OpenTelemetry semantic conventions, "HTTP client span". The URL is recorded without its query.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from spanloom.core.attributes import AttributeSet
from spanloom.core.context import get_current, is_http_suppressed, span_of, with_span
from spanloom.core.errors import mark_error, record_error
from spanloom.core.guard import around_coroutine
from spanloom.core.headers import inject
from spanloom.core.span import CLIENT
from spanloom.core.span_context import DroppedSpan
from spanloom.core.tracers import defer_attributes, get_tracer
from spanloom.instrumentation.hooks import Hooks
from spanloom.instrumentation.http import method_attributes, span_name

if TYPE_CHECKING:
    from spanloom.core.context import Context
    from spanloom.instrumentation.hooks import Options

_tracer = get_tracer("spanloom.client")


class ClientHooks(Hooks):
    """Instruments aiohttp's client when it is imported."""

    name = "aiohttp-client"

    def hook(self, _: Options) -> None:
        """Wrap the method that sends every request of a session."""
        self.on_import("aiohttp.client", self._wrap)

    def _wrap(self, module: Any) -> None:
        around = partial(around_coroutine, begin=ClientHook().begin, guard=self.guard)
        self.wrap(module.ClientSession, "_request", around)


class ClientHook:
    """Starts the spans of requests; created when aiohttp is imported, together with its dependencies."""

    def __init__(self) -> None:
        from multidict import CIMultiDict  # noqa: PLC0415
        from yarl import URL  # noqa: PLC0415

        self._headers_class: Any = CIMultiDict
        self._url_class: Any = URL

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ClientCall | None:
        """Start the span of a request `(session, method, url, …)` and inject its context into the headers."""
        context = get_current()
        if is_http_suppressed(context):
            return None
        headers = self._headers_class(kwargs.get("headers") or {})
        current = span_of(context)
        if isinstance(current, DroppedSpan):
            inject(headers, context, current)
            kwargs["headers"] = headers
            return None
        url = self._url(args[0], args[2])
        if url is None:
            return None
        method = args[1]
        span = _tracer.start(span_name(method), CLIENT, context, _shared(method, url.host, url.port))
        defer_attributes(span, _url_attributes, url)
        inject(headers, context, span)
        kwargs["headers"] = headers
        return ClientCall(span, context)

    def _url(self, session: Any, address: Any) -> Any:
        """Return the absolute URL, joined with the session's base URL; None if aiohttp will refuse it."""
        base = getattr(session, "_base_url", None)
        try:
            url = self._url_class(address)
            return base.join(url) if base is not None and not url.is_absolute() else url
        except (TypeError, ValueError):
            return None


class ClientCall:
    """One running request."""

    def __init__(self, span: Any, parent: Context) -> None:
        self.span, self.context = span, with_span(span, parent)

    def on_return(self, response: Any) -> None:
        """End the span with the status code of the response."""
        try:
            defer_attributes(self.span, _status_attributes, response.status)
            if response.status >= 400:
                mark_error(self.span, str(response.status))
        finally:
            self.span.end()

    def on_error(self, error: BaseException) -> None:
        """End the span with the exception."""
        try:
            record_error(self.span, error)
        finally:
            self.span.end()


@lru_cache(maxsize=256)
def _shared(method: str, host: str | None, port: int | None) -> AttributeSet:
    return AttributeSet({**method_attributes(method), "server.address": host or "", "server.port": port or 0})


def _status_attributes(status: int) -> tuple[dict[str, int]]:
    return ({"http.response.status_code": status},)


def _url_attributes(url: Any) -> tuple[dict[str, str]]:
    """Return the URL without query, fragment and credentials; tested first, as few URLs contain them."""
    if url.raw_query_string or url.raw_fragment or url.raw_user or url.raw_password:
        url = url.with_query(None).with_fragment(None).with_user(None)
    return ({"url.full": str(url)},)
