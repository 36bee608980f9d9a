"""Spans of the hooks through OpenTelemetry's API, where something else than the core makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from spanloom.core.spans import tracers
from spanloom.core.spans.attributes import EMPTY
from spanloom.core.spans.span import INTERNAL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spanloom.core.context import Context

KINDS = sorted(trace.SpanKind, key=lambda kind: int(kind.value))


def serve_api() -> None:
    """Have the hooks use the global TracerProvider of the API."""
    tracers.serve(lambda name: ApiStart(name).start)


class ApiStart:
    """Starts spans by a tracer of the API."""

    def __init__(self, name: str) -> None:
        self._tracer = trace.get_tracer(name)

    def start(
        self, name: str, kind: int = INTERNAL, context: Context | None = None, attributes: Mapping[str, Any] = EMPTY
    ) -> trace.Span:
        """Start a span."""
        return self._tracer.start_span(name, context, KINDS[kind], attributes)  # type: ignore[arg-type] # a dictionary
