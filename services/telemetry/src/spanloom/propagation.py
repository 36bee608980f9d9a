"""Context in and out of headers: what OpenTelemetry's propagators do, shorter for what nearly every request has.

A `traceparent` of version 00 with neither tracestate nor baggage beside it (W3C Trace Context, section 3.2) is read
and written here, if the propagators are those two; everything else goes to the propagators themselves.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from opentelemetry import baggage, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from collections.abc import MutableMapping

TRACEPARENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
OTHERS = frozenset({b"tracestate", b"baggage"})
W3C = [TraceContextTextMapPropagator, W3CBaggagePropagator]


class _Headers(Getter[Any]):
    """Reads the headers of an ASGI scope; several of one name count as one list (RFC 9110, section 5.3)."""

    def get(self, carrier: Any, key: str) -> list[str] | None:
        wanted = key.lower().encode("latin-1")
        found = [value.decode("latin-1") for name, value in carrier if name == wanted]
        return [",".join(found)] if found else None

    def keys(self, carrier: Any) -> list[str]:
        return [name.decode("latin-1") for name, _ in carrier]


_HEADERS = _Headers()


def extract(headers: list[tuple[bytes, bytes]]) -> Context:
    """Return the context that ASGI `headers` carry, an empty one when there is none."""
    if not _is_w3c(propagate.get_global_textmap()):
        return propagate.extract(headers, context=Context(), getter=_HEADERS)
    found = [value for name, value in headers if name == b"traceparent"]
    if not found and OTHERS.isdisjoint(name for name, _ in headers):
        return Context()
    match = TRACEPARENT.fullmatch(found[0]) if len(found) == 1 else None
    if match is None or not OTHERS.isdisjoint(name for name, _ in headers):
        return propagate.extract(headers, context=Context(), getter=_HEADERS)
    context = SpanContext(int(match[1], 16), int(match[2], 16), True, TraceFlags(int(match[3], 16)))
    return trace.set_span_in_context(NonRecordingSpan(context), Context()) if context.is_valid else Context()


def inject(headers: MutableMapping[str, str], span: trace.Span) -> None:
    """Write the context of `span`, which is the current one, into `headers`."""
    context = span.get_span_context()
    if context.trace_state or baggage.get_all() or not _is_w3c(propagate.get_global_textmap()):
        propagate.inject(headers)
    elif context.is_valid:
        headers["traceparent"] = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


@lru_cache(maxsize=8)
def _is_w3c(propagator: object) -> bool:
    """Tell whether the process uses W3C's trace context and baggage, in that order, and nothing else."""
    if not isinstance(propagator, CompositePropagator):
        return False
    return [type(one) for one in propagator._propagators] == W3C  # noqa: SLF001
