"""Spans and histograms of the hooks through OpenTelemetry's API, where something else than the core makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import metrics, trace

from spanloom.core.spans import tracers
from spanloom.core.spans.attributes import EMPTY
from spanloom.core.spans.span import INTERNAL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spanloom.core.context import Context

KINDS = sorted(trace.SpanKind, key=lambda kind: int(kind.value))


def serve_api() -> None:
    """Have the hooks use the global providers of the API."""
    tracers.serve(lambda name: ApiStart(name).start, ApiHistogram)


class ApiStart:
    """Starts spans by a tracer of the API."""

    def __init__(self, name: str) -> None:
        self._tracer = trace.get_tracer(name)

    def start(
        self, name: str, kind: int = INTERNAL, context: Context | None = None, attributes: Mapping[str, Any] = EMPTY
    ) -> trace.Span:
        """Start a span."""
        return self._tracer.start_span(name, context, KINDS[kind], attributes)  # type: ignore[arg-type] # a dictionary


class ApiHistogram:
    """A histogram of the API."""

    def __init__(
        self, scope: str, name: str, unit: str, description: str, bounds: Sequence[float], keys: tuple[str, ...]
    ) -> None:
        self._keys = keys
        self._histogram = metrics.get_meter(scope).create_histogram(
            name, unit, description, explicit_bucket_boundaries_advisory=bounds
        )

    def record(self, value: float, values: tuple[Any, ...], context: Context) -> None:
        """Record a duration with a value for each key; an empty one is left out."""
        attributes = {key: value for key, value in zip(self._keys, values) if value}
        self._histogram.record(value, attributes, context)  # type: ignore[arg-type] # a dictionary
