"""Self-check of the fast path with the installed SDK, before the application starts."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, TraceFlags, set_span_in_context

from spanloom.sdk import private
from spanloom.tracing.duration_histogram import DurationHistogram
from spanloom.tracing.guard import report
from spanloom.tracing.shared_attributes import AttributeSet, defer_attributes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

    from spanloom.sdk.private import PrivateName

T = TypeVar("T")
ERROR = ValueError("self check")
# Name, kind, number of attributes, events and links, and status code, in OTLP's numbering.
EXPECTED = [("child", 1, 2, 2, 0, 2), ("renamed", 2, 2, 0, 1, 0)]


class SelfCheckError(Exception):
    """The fast path does not work with the installed SDK."""


class FastPath(NamedTuple):
    """Classes of the fast path; None, or the API's histogram, if the SDK is not supported."""

    provider: type[TracerProvider] | None
    histogram: type[DurationHistogram]


@cache
def fast_path() -> FastPath:
    """Run the self-check once per process; report what does not work with this SDK in one line."""
    provider, span_problem = _run_check(_checked_provider)
    histogram, metric_problem = _run_check(_checked_histogram)
    if problem := span_problem or metric_problem:
        installed, part = version("opentelemetry-sdk"), "spans" if span_problem else "histograms"
        report(f"opentelemetry-sdk {installed} does not support the fast path ({problem}); using its own {part}")
    return FastPath(provider, histogram or DurationHistogram)


def _run_check(check: Callable[[], T]) -> tuple[T | None, str]:
    """Return the result of a check and an empty text, or None and the reason of its failure."""
    try:
        return check(), ""
    except SelfCheckError as error:
        return None, str(error)
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"


def _checked_histogram() -> type[DurationHistogram]:
    _require(private.METRIC_NAMES)
    from spanloom.sdk.duration_histogram import CachedDurationHistogram  # noqa: PLC0415 may fail with another SDK

    reader = InMemoryMetricReader()
    meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("self check")
    histogram = CachedDurationHistogram(meter, "duration", "", (1,), ("key",))
    for _ in range(3):
        histogram.record(0.5, ("value",), Context())
    data: Any = reader.get_metrics_data()
    [point] = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
    if (point.count, dict(point.attributes)) != (3, {"key": "value"}) or histogram.is_slow:
        raise SelfCheckError("measurements are missing")
    return CachedDurationHistogram


def _checked_provider() -> type[TracerProvider]:
    _require(private.SPAN_NAMES)
    from spanloom.sdk.exporter import LeanExporter, LeanProcessor  # noqa: PLC0415 may fail with another SDK
    from spanloom.sdk.tracer import LeanTracerProvider  # noqa: PLC0415

    provider = LeanTracerProvider(resource=Resource({"service.name": "self check"}), shutdown_on_exit=False)
    processor = LeanProcessor(_NoExporter())  # type: ignore[arg-type] # nothing is exported
    try:
        provider.add_span_processor(processor)
        if not callable(getattr(provider.queue, "emit", None)):
            raise SelfCheckError("the batch processor has no queue")
        provider.queue = queue = _SpanList()  # type: ignore[assignment]  # the part of a queue that is used
        _run_program(provider)
        _check_batch(LeanExporter(_NoExporter()).request(queue.spans))  # type: ignore[arg-type]
    finally:
        processor.shutdown()  # type: ignore[no-untyped-call]
    return LeanTracerProvider


def _require(names: Sequence[PrivateName]) -> None:
    for name in names:
        if name.load() is None:
            raise SelfCheckError(f"{name.module}.{name.path} is missing")


class _SpanList:
    """Replaces the queue of a batch processor."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []
        self.emit = self.spans.append


class _NoExporter:
    """Replaces the SDK's exporter and its client."""

    success = True

    def __init__(self) -> None:
        self._client = self

    def export(self, _: bytes) -> _NoExporter:
        """Drop a batch."""
        return self

    def shutdown(self) -> None:
        """Do nothing."""


def _run_program(provider: TracerProvider) -> None:
    tracer = provider.get_tracer("self check", "1")
    link = Link(SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1)), {"link": True})
    root = tracer.start_span("root", kind=SpanKind.SERVER, attributes=AttributeSet({"a": "b"}), links=[link])
    child = tracer.start_span("child", set_span_in_context(root), attributes={"list": [1, 2], "number": 0.5})
    defer_attributes(root, lambda number: ({"deferred": number},), 1)
    child.add_event("event", {"c": "d"})
    child.record_exception(ERROR)
    child.set_status(StatusCode.ERROR, "description")
    child.end()
    root.update_name("renamed")
    root.end()


def _check_batch(request: bytes) -> None:
    """Raise SelfCheckError unless a batch contains the spans of the program.

    The batch is decoded with OpenTelemetry's protobuf classes.
    """
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415 only for the check
        ExportTraceServiceRequest,
    )

    decoded = ExportTraceServiceRequest.FromString(request)
    spans = {span.name: span for each in decoded.resource_spans for scope in each.scope_spans for span in scope.spans}
    found = [
        (name, span.kind, len(span.attributes), len(span.events), len(span.links), span.status.code)
        for name, span in sorted(spans.items())
    ]
    if found != EXPECTED or spans["child"].parent_span_id != spans["renamed"].span_id:
        raise SelfCheckError(f"spans are encoded as {found}")
