"""Where instrumentations get their tracers, whatever makes the telemetry of this process.

`serve` sets the implementation: the core's own, or OpenTelemetry's API where the application configured an SDK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanloom.core.spans.attributes import EMPTY
from spanloom.core.spans.ids import new_span_id, new_trace_id
from spanloom.core.spans.span import INTERNAL, Span
from spanloom.core.spans.span_context import DroppedSpan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from spanloom.core.context import Context

    Start = Callable[..., Any]


class NamedTracer:
    """The tracer of an instrumentation; `start(name, kind, context, attributes)` returns a span that has begun."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.start: Start = _start_of(name)


def _start_nothing(
    name: str, kind: int = INTERNAL, context: Context | None = None, attributes: Mapping[str, Any] = EMPTY
) -> DroppedSpan:
    """Start a span in a process without telemetry."""
    return DroppedSpan(new_trace_id(), new_span_id(), 0)


_tracers: dict[str, NamedTracer] = {}
_start_of: Callable[[str], Start] = lambda _: _start_nothing  # noqa: E731 replaced by `serve`


def get_tracer(name: str) -> NamedTracer:
    """Return the tracer of a scope, one for each name."""
    return _tracers.get(name) or _tracers.setdefault(name, NamedTracer(name))


def serve(start_of: Callable[[str], Start]) -> None:
    """Start spans by `start_of(name)`, also those of tracers that exist."""
    global _start_of  # noqa: PLW0603 one process has one place for its spans
    _start_of = start_of
    for tracer in _tracers.values():
        tracer.start = start_of(tracer.name)


def serve_nothing() -> None:
    """Make no spans from now on."""
    serve(lambda _: _start_nothing)


def defer_attributes(span: Any, make: Callable[..., Iterable[Mapping[str, Any]]], *values: object) -> None:
    """Set the attributes that `make(*values)` returns, as late as possible; the values must not change.

    The export thread calls `make` for many spans in a row: the same code costs several times less in a tight loop than
    interleaved with request handling, because it stays in the processor's caches.
    """
    if isinstance(span, Span):
        span.defer_attributes(make, values)
    elif span.is_recording():
        for attributes in make(*values):
            span.set_attributes(attributes)
