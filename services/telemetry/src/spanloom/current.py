"""The current context and its span, reached in one step.

The API's `get_current_span()` asks `get_value`, which asks `get_current`, which asks the runtime, which asks a
ContextVar; every hook would do so several times a request. Here they ask the ContextVar itself, unless another
runtime than the API's own was chosen (OTEL_PYTHON_CONTEXT).
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from opentelemetry.context import (
    _RUNTIME_CONTEXT,
    _SUPPRESS_HTTP_INSTRUMENTATION_KEY,
    _SUPPRESS_INSTRUMENTATION_KEY,
    Context,
)
from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from opentelemetry.trace.propagation import _SPAN_KEY

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token

    from opentelemetry.trace import Span

SPAN = _SPAN_KEY
# The key of opentelemetry-instrumentation, copied: @instrument needs nothing but the API.
SUPPRESS = "suppress_instrumentation"
_runtime: Any = _RUNTIME_CONTEXT
_variable: Any = _runtime._current_context if type(_runtime) is ContextVarsRuntimeContext else None  # noqa: SLF001
get_current: Callable[[], Context] = _variable.get if _variable else _runtime.get_current
attach: Callable[[Context], Token[Context]] = _variable.set if _variable else _runtime.attach
_reset: Callable[[Token[Context]], None] = _variable.reset if _variable else _runtime.detach
# Those of the API look anew at what is known here: whether the ids are valid, whether there is such a flag.
new_context = partial(tuple.__new__, SpanContext)
FLAGS = [TraceFlags(number) for number in range(256)]
log = logging.getLogger(__name__)


class Dropped(NonRecordingSpan):
    """A span that is not recorded, below which none will be: it is unsampled, and the sampler follows the parent."""


def detach(token: Token[Context]) -> None:
    """Make current again what was before `token`; as the API's, it never raises."""
    try:
        _reset(token)
    except Exception:
        log.exception("Failed to detach context")


def with_span(span: Span, context: Context) -> Context:
    """Return `context` with `span` as its current one."""
    new = Context(context)
    dict.__setitem__(new, SPAN, span)  # a Context refuses changes, but nobody has seen this one
    return new


def is_dropped(context: Context) -> bool:
    """Tell whether no span that is begun here will ever be seen."""
    return context.get(SPAN).__class__ is Dropped


def is_sampled(context: Context) -> bool:
    """Tell whether the current span is sampled."""
    span: Any = context.get(SPAN)
    return span is not None and bool(span.get_span_context()[3] & TraceFlags.SAMPLED)


def is_suppressed(context: Context) -> bool:
    """Tell whether no span is wanted here."""
    return bool(context.get(_SUPPRESS_INSTRUMENTATION_KEY) or context.get(SUPPRESS))


def is_silent(context: Context) -> bool:
    """Tell whether a span that is begun here is either not wanted or never seen."""
    return context.get(SPAN).__class__ is Dropped or is_suppressed(context)


def is_suppressed_http(context: Context) -> bool:
    """Tell the same of a client's span: who makes one of its own suppresses those of the libraries below."""
    return is_suppressed(context) or bool(context.get(_SUPPRESS_HTTP_INSTRUMENTATION_KEY))
