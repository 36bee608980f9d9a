"""Where instrumentations get their tracers and histograms, whatever makes the telemetry of this process.

`serve` sets the implementation: the core's own, or OpenTelemetry's API where the application configured an SDK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from spanloom.core.spans.attributes import EMPTY
from spanloom.core.spans.ids import new_span_id, new_trace_id
from spanloom.core.spans.span import INTERNAL, Span
from spanloom.core.spans.span_context import DroppedSpan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from spanloom.core.context import Context

    Start = Callable[..., Any]

    class Durations(Protocol):
        """A histogram of durations in seconds."""

        def record(self, value: float, values: tuple[Any, ...], context: Context) -> None:
            """Record a duration with a value for each key; an empty one is left out."""

    NewHistogram = Callable[..., Durations]


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


class _NoDurations:
    def record(self, value: float, values: tuple[Any, ...], context: Context) -> None:
        """Record nothing."""


_tracers: dict[str, NamedTracer] = {}
_start_of: Callable[[str], Start] = lambda _: _start_nothing  # noqa: E731 replaced by `serve`
_new_histogram: NewHistogram = lambda *_: _NoDurations()  # noqa: E731 replaced by `serve`


def get_tracer(name: str) -> NamedTracer:
    """Return the tracer of a scope, one for each name."""
    return _tracers.get(name) or _tracers.setdefault(name, NamedTracer(name))


def new_histogram(
    scope: str, name: str, unit: str, description: str, bounds: Sequence[float], keys: tuple[str, ...]
) -> Durations:
    """Return a histogram with these buckets, whose attributes have these keys."""
    return _new_histogram(scope, name, unit, description, bounds, keys)


def serve(start_of: Callable[[str], Start], histogram: NewHistogram) -> None:
    """Start spans by `start_of(name)`, also those of tracers that exist; make histograms by `histogram`."""
    global _start_of, _new_histogram
    _start_of, _new_histogram = start_of, histogram
    for tracer in _tracers.values():
        tracer.start = start_of(tracer.name)


def serve_nothing() -> None:
    """Make no telemetry from now on."""
    serve(lambda _: _start_nothing, lambda *_: _NoDurations())


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
