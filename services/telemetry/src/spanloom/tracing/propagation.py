"""Trace context in headers: OpenTelemetry's propagators, with a fast path for the most frequent case.

A `traceparent` of version 00 without tracestate and baggage (W3C Trace Context, section 3.2) is read and written here
if the global propagators are W3C's; all other cases go through the propagators.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import DEFAULT_TRACE_STATE, NonRecordingSpan

from spanloom.tracing.context import BAGGAGE_KEY, FLAGS, SPAN_KEY, get_current, new_span_context

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from opentelemetry.trace import Span

TRACEPARENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
OTHER_HEADERS = frozenset({b"tracestate", b"baggage"})
W3C_HEADERS = frozenset({"traceparent", "tracestate", "baggage"})


class _HeadersGetter(Getter[Any]):
    """Reads the headers of an ASGI scope; repeated headers form one list (RFC 9110, section 5.3)."""

    def get(self, carrier: Any, key: str) -> list[str] | None:
        encoded_key = key.lower().encode("latin-1")
        found = [value.decode("latin-1") for name, value in carrier if name.lower() == encoded_key]
        return [",".join(found)] if found else None

    def keys(self, carrier: Any) -> list[str]:
        return [name.decode("latin-1") for name, _ in carrier]


_getter = _HeadersGetter()


def extract(headers: list[tuple[bytes, bytes]], by_name: dict[bytes, bytes]) -> Context:
    """Return the trace context in `headers` of an ASGI scope; `by_name` is the same as a dictionary."""
    is_simple = len(by_name) == len(headers) and OTHER_HEADERS.isdisjoint(by_name)
    if not is_simple or not _is_w3c(propagate.get_global_textmap()):
        return propagate.extract(headers, context=Context(), getter=_getter)
    if b"traceparent" not in by_name:
        return Context()
    match = TRACEPARENT.fullmatch(by_name[b"traceparent"])
    if match is None:
        return propagate.extract(headers, context=Context(), getter=_getter)
    trace_id, span_id, flags = int(match[1], 16), int(match[2], 16), int(match[3], 16)
    if not trace_id or not span_id:
        return Context()
    parent = new_span_context((trace_id, span_id, True, FLAGS[flags], DEFAULT_TRACE_STATE, True))
    return Context({SPAN_KEY: NonRecordingSpan(parent)})


def inject(headers: MutableMapping[str, str], span: Span) -> None:
    """Write the context of `span` and the current baggage into `headers`."""
    context = span.get_span_context()
    has_other_context = context.trace_state or get_current().get(BAGGAGE_KEY)
    if has_other_context or not _is_w3c(propagate.get_global_textmap()):
        propagate.inject(headers)
    elif context.is_valid:
        headers["traceparent"] = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


@lru_cache(maxsize=8)
def _is_w3c(propagator: object) -> bool:
    """Return whether the process uses W3C's trace context and baggage and no other propagator."""
    return isinstance(propagator, CompositePropagator) and propagator.fields == W3C_HEADERS
