"""`OTEL_TRACES_EXPORTER=tree`: print every finished trace of this process as a tree on standard output."""

from __future__ import annotations

from collections import OrderedDict
from typing import IO, TYPE_CHECKING

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from spanloom.traces.model import Span, Trace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

# Limit for traces whose root span never ends.
MAX_UNFINISHED_TRACES = 256


class TreeExporter(SpanExporter):
    """Collects the spans of a trace until its local root ends, then prints them as a tree."""

    def __init__(self, out: IO[str] | None = None) -> None:
        self._out = out
        self._unfinished: OrderedDict[str, list[Span]] = OrderedDict()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export finished spans; a span without a parent in this process completes its trace."""
        for span in spans:
            finished = from_sdk(span)
            self._unfinished.setdefault(finished.trace_id, []).append(finished)
            if span.parent is None or span.parent.is_remote:
                self._print(finished.trace_id)
        while len(self._unfinished) > MAX_UNFINISHED_TRACES:
            self._print(next(iter(self._unfinished)))
        return SpanExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Print the traces whose root has not ended."""
        for trace_id in list(self._unfinished):
            self._print(trace_id)
        return True

    def shutdown(self) -> None:
        """Print the traces whose root has not ended."""
        self.force_flush()

    def _print(self, trace_id: str) -> None:
        trace = Trace.from_spans(self._unfinished.pop(trace_id))
        print(f"trace {trace_id}\n{trace.tree()}\n", file=self._out, flush=True)


def from_sdk(span: ReadableSpan) -> Span:
    """Convert a finished span of the SDK to the model."""
    context = span.context
    assert context is not None  # noqa: S101 the SDK's spans have a context; the type is optional
    return Span(
        trace_id=format(context.trace_id, "032x"),
        span_id=format(context.span_id, "016x"),
        parent_id=format(span.parent.span_id, "016x") if span.parent else None,
        name=span.name,
        kind=span.kind.name,
        service=str(span.resource.attributes.get("service.name", "")),
        start_ns=span.start_time or 0,
        end_ns=span.end_time or 0,
        status=span.status.status_code.name,
        message=span.status.description or "",
        attributes=dict(span.attributes or {}),
        events=tuple({"name": event.name, **(event.attributes or {})} for event in span.events),
        links=tuple(format(link.context.trace_id, "032x") for link in span.links),
        resource=dict(span.resource.attributes),
        scope=span.instrumentation_scope.name if span.instrumentation_scope else "",
    )
