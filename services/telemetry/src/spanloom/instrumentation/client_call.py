"""One CLIENT span for every outgoing HTTP request, common to all client libraries.

Attributes: OpenTelemetry semantic conventions, "HTTP client span". The URL is recorded without its query.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from spanloom.core.context import get_current, is_http_suppressed, span_of, with_span, with_suppressed_http
from spanloom.core.errors import mark_error, record_error
from spanloom.core.propagation.headers import inject
from spanloom.core.spans.attributes import AttributeSet
from spanloom.core.spans.span import CLIENT
from spanloom.core.spans.span_context import DroppedSpan
from spanloom.core.spans.tracers import defer_attributes, get_tracer
from spanloom.instrumentation.http import method_attributes, span_name

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from typing import Self

    from spanloom.core.context import Context

_tracer = get_tracer("spanloom.client")


def traced_context() -> Context | None:
    """Return the current context; None where requests are not traced."""
    context = get_current()
    return None if is_http_suppressed(context) else context


def inject_dropped(headers: MutableMapping[str, str], context: Context) -> bool:
    """Inject the context of a trace that is not sampled; False when there is a span to start."""
    current = span_of(context)
    if not isinstance(current, DroppedSpan):
        return False
    inject(headers, context, current)
    return True


class ClientCall:
    """One running request; `status_of` returns the status code of the library's response."""

    status_of: Callable[[Any], int]

    def __init__(self, span: Any, parent: Context) -> None:
        self.span, self.context = span, with_span(span, parent)

    @classmethod
    def start(
        cls, context: Context, method: str, server: tuple[str | None, int | None], url: tuple[Callable[..., Any], Any]
    ) -> Self:
        """Start the span; `url` is a function that returns the URL's attributes, and its argument."""
        span = _tracer.start(span_name(method), CLIENT, context, _shared(method, *server))
        defer_attributes(span, *url)
        return cls(span, context)

    def on_return(self, response: Any) -> None:
        """End the span with the status code of the response."""
        try:
            status = self.status_of(response)
            defer_attributes(self.span, _status_attributes, status)
            if status >= 400:
                mark_error(self.span, str(status))
        finally:
            self.span.end()

    def on_error(self, error: BaseException) -> None:
        """End the span with the exception."""
        try:
            record_error(self.span, error)
        finally:
            self.span.end()


class OuterClientCall(ClientCall):
    """A request of a library that sends it by others, or by itself again: spans below it are suppressed."""

    def __init__(self, span: Any, parent: Context) -> None:
        super().__init__(span, parent)
        self.context = with_suppressed_http(span, parent)


@lru_cache(maxsize=256)
def _shared(method: str, host: str | None, port: int | None) -> AttributeSet:
    return AttributeSet({**method_attributes(method), "server.address": host or "", "server.port": port or 0})


def _status_attributes(status: int) -> tuple[dict[str, int]]:
    return ({"http.response.status_code": status},)
