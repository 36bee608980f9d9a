"""The API's current context as the core's: one ContextVar, one set of keys.

The variable and the keys are private, so they are found by what the public functions do with them.
"""

from __future__ import annotations

from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any

from opentelemetry import baggage, context, trace
from opentelemetry.context import Context

from spanloom.core import context as core
from spanloom.core import errors
from spanloom.core.spans import span_context
from spanloom.core.spans.span import Span
from spanloom.core.spans.span_context import PropagatedSpan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SUPPRESS = "suppress_instrumentation"  # the text that opentelemetry-instrumentation's libraries look for


def adopt_api(*, is_late: bool = False) -> None:
    """Make the core's context the API's, and the core's spans spans of the API."""
    trace.Span.register(Span)
    trace.Span.register(PropagatedSpan)
    span_context.adopt(_span_context)
    core.adopt(_runtime(), _keys(), is_late=is_late)
    errors.adopt(trace.StatusCode.ERROR)


def _span_context(trace_id: int, span_id: int, is_remote: bool, flags: int, state: str) -> trace.SpanContext:
    parsed = trace.TraceState.from_header([state]) if state else trace.DEFAULT_TRACE_STATE
    return trace.SpanContext(trace_id, span_id, is_remote, trace.TraceFlags(flags), parsed)


def _runtime() -> core.Runtime:
    """Return the ContextVar of the API's runtime; with one that has none (OTEL_PYTHON_CONTEXT), its functions."""
    mark = Context({"spanloom": "mark"})
    token = context.attach(mark)
    try:
        found: list[ContextVar[Any]] = [variable for variable, value in copy_context().items() if value is mark]
    finally:
        context.detach(token)
    try:
        [variable] = found
        variable.get()  # which has a default
    except (ValueError, LookupError):
        attach: Callable[[Any], Any] = context.attach
        return core.Runtime(context.get_current, attach, context.detach)
    return core.Runtime(variable.get, variable.set, variable.reset)


def _keys() -> core.Keys:
    [span] = trace.set_span_in_context(trace.INVALID_SPAN, Context())
    [bag] = baggage.set_baggage("name", "value", Context())
    return core.Keys(span, bag, (SUPPRESS, *_keys_of(_suppress_all)), tuple(_keys_of(_suppress_http)))


def _keys_of(suppress: Callable[[], Any]) -> Iterator[object]:
    """Yield the keys that a context manager sets in the current context; none where it does not exist."""
    token = context.attach(Context())
    try:
        with suppress():
            yield from (key for key in context.get_current() if key != SUPPRESS)
    except (ImportError, AttributeError):
        return
    finally:
        context.detach(token)


def _suppress_all() -> Any:
    from opentelemetry.instrumentation.utils import suppress_instrumentation  # noqa: PLC0415 not in every process

    return suppress_instrumentation()


def _suppress_http() -> Any:
    from opentelemetry.instrumentation.utils import suppress_http_instrumentation  # noqa: PLC0415

    return suppress_http_instrumentation()
