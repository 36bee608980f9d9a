"""Direct access to the current context and its span.

The API's `get_current_span()` calls `get_value`, `get_current` and the runtime context before it reaches a ContextVar,
several times per request. With the API's default runtime, that ContextVar is used directly. Its name is private; the
public functions are used if it is missing.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from opentelemetry import baggage, context, trace
from opentelemetry.context import Context
from opentelemetry.trace import DEFAULT_TRACE_STATE, INVALID_SPAN, NonRecordingSpan, SpanContext, TraceFlags

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextvars import ContextVar, Token

    from opentelemetry.trace import Span, TraceState

    SpanContextFields = tuple[int, int, bool, TraceFlags, TraceState, bool]

log = logging.getLogger(__name__)

[SPAN_KEY] = trace.set_span_in_context(INVALID_SPAN, Context())
[BAGGAGE_KEY] = baggage.set_baggage("name", "value", Context())
REQUEST_KEY = "spanloom-request"  # the ASGI scope or WSGI environment of the current request
# opentelemetry-instrumentation uses the first key as text; the API creates unique keys for both.
SUPPRESS_KEY = "suppress_instrumentation"
SUPPRESS_ALL_KEY = getattr(context, "_SUPPRESS_INSTRUMENTATION_KEY", SUPPRESS_KEY)
SUPPRESS_HTTP_KEY = getattr(context, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY", "suppress_http_instrumentation")
FLAGS = [TraceFlags(number) for number in range(256)]


def _context_variable() -> ContextVar[Context] | None:
    """Return the ContextVar of the API's default runtime; None with another runtime (OTEL_PYTHON_CONTEXT)."""
    runtime = getattr(context, "_RUNTIME_CONTEXT", None)
    variable = getattr(runtime, "_current_context", None)
    is_default = type(runtime).__name__ == "ContextVarsRuntimeContext"
    return variable if is_default and variable is not None else None


def _build_span_context(fields: SpanContextFields) -> SpanContext:
    return SpanContext(*fields[:5])


def _span_context_factory() -> Callable[[SpanContextFields], SpanContext]:
    """Return a function that builds a SpanContext from valid ids without validating them again."""
    fields = (1, 2, False, FLAGS[1], DEFAULT_TRACE_STATE, True)
    try:
        built = tuple.__new__(SpanContext, fields)
        is_plain_tuple = built == SpanContext(*fields[:5]) and (built.trace_id, built.is_valid) == (1, True)
    except Exception:  # another layout of the class
        is_plain_tuple = False
    return _tuple_span_context if is_plain_tuple else _build_span_context


def _tuple_span_context(fields: SpanContextFields) -> SpanContext:
    return tuple.__new__(SpanContext, fields)


_variable: Any = _context_variable()
get_current: Callable[[], Context] = _variable.get if _variable else context.get_current
attach: Callable[[Context], Token[Context]] = _variable.set if _variable else context.attach
reset: Callable[[Token[Context]], None] = _variable.reset if _variable else context.detach
new_span_context = _span_context_factory()


class DroppedSpan(NonRecordingSpan):
    """A span that is not recorded, nor is any span below it: it is unsampled, and the sampler follows the parent."""


def detach(token: Token[Context]) -> None:
    """Restore the context from before `token`; like the API's function, it does not raise."""
    try:
        reset(token)
    except Exception:
        log.exception("Failed to detach context")


def with_span(span: Span, parent: Context) -> Context:
    """Return `parent` with `span` as its current span."""
    new = Context(parent)
    dict.__setitem__(new, SPAN_KEY, span)  # a Context is immutable, but this one is not shared yet
    return new


def with_values(parent: Context, values: Mapping[str, object]) -> Context:
    """Return `parent` with additional values."""
    new = Context(parent)
    dict.update(new, values)
    return new


def suppressed(parent: Context) -> Context:
    """Return `parent` with instrumentation suppressed."""
    return with_values(parent, {SUPPRESS_KEY: True, SUPPRESS_ALL_KEY: True})


def is_dropped(current: Context) -> bool:
    """Return whether every span below `current` is dropped."""
    return current.get(SPAN_KEY).__class__ is DroppedSpan


def is_sampled(current: Context) -> bool:
    """Return whether the current span is sampled."""
    span: Any = current.get(SPAN_KEY)
    return span is not None and bool(span.get_span_context().trace_flags & TraceFlags.SAMPLED)


def is_suppressed(current: Context) -> bool:
    """Return whether instrumentation is suppressed."""
    return bool(current.get(SUPPRESS_ALL_KEY) or current.get(SUPPRESS_KEY))


def is_untraced(current: Context) -> bool:
    """Return whether a span started in `current` would be suppressed or dropped."""
    return current.get(SPAN_KEY).__class__ is DroppedSpan or is_suppressed(current)


def is_http_suppressed(current: Context) -> bool:
    """Return whether HTTP client spans are suppressed, as libraries with a client span of their own do."""
    return is_suppressed(current) or bool(current.get(SUPPRESS_HTTP_KEY))


def parent_of(current: Context) -> SpanContext | None:
    """Return the context of the current span; None if there is none or it is invalid."""
    if SPAN_KEY not in current:
        return None
    parent = trace.get_current_span(current).get_span_context()
    return parent if parent and parent.is_valid else None
