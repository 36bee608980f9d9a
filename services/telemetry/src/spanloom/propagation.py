"""Context in and out of headers: what OpenTelemetry's propagators do, shorter for what nearly every request has.

A `traceparent` of version 00 with neither tracestate nor baggage beside it (W3C Trace Context, section 3.2) is read
and written here, if the propagators are those two; everything else goes to the propagators themselves.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from opentelemetry import propagate
from opentelemetry.baggage import _BAGGAGE_KEY
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import DEFAULT_TRACE_STATE, NonRecordingSpan
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from spanloom.current import FLAGS, SPAN, get_current, new_context

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from opentelemetry.trace import Span

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


def extract(headers: list[tuple[bytes, bytes]], found: dict[bytes, bytes]) -> Context:
    """Return the context that ASGI `headers` carry, an empty one when there is none; `found` are they by name."""
    once = len(found) == len(headers)  # no name comes twice
    ours = once and OTHERS.isdisjoint(found) and _is_w3c(propagate.get_global_textmap())
    if ours and b"traceparent" not in found:
        return Context()
    match = TRACEPARENT.fullmatch(found[b"traceparent"]) if ours else None
    if match is None:
        return propagate.extract(headers, context=Context(), getter=_HEADERS)
    trace_id, span_id, flags = int(match[1], 16), int(match[2], 16), int(match[3], 16)
    if not trace_id or not span_id:
        return Context()
    parent = new_context((trace_id, span_id, True, FLAGS[flags], DEFAULT_TRACE_STATE, True))
    return Context({SPAN: NonRecordingSpan(parent)})


def inject(headers: MutableMapping[str, str], span: Span) -> None:
    """Write the context of `span`, which is the current one, into `headers`."""
    trace_id, span_id, _, flags, state, is_valid = span.get_span_context()
    more = (state is not DEFAULT_TRACE_STATE and state) or get_current().get(_BAGGAGE_KEY)
    if more or not _is_w3c(propagate.get_global_textmap()):
        propagate.inject(headers)
    elif is_valid:
        headers["traceparent"] = f"00-{trace_id:032x}-{span_id:016x}-{flags:02x}"


@lru_cache(maxsize=8)
def _is_w3c(propagator: object) -> bool:
    """Tell whether the process uses W3C's trace context and baggage, in that order, and nothing else."""
    if not isinstance(propagator, CompositePropagator):
        return False
    return [type(one) for one in propagator._propagators] == W3C  # noqa: SLF001
