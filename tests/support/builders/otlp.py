"""OTLP request bodies, and a sender with the real SDK."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Exemplar,
    Histogram,
    HistogramDataPoint,
    Metric,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ProtoResource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TRACE_ID = 1
MILLISECOND = 1_000_000


def proto_span(
    number: int,
    parent: int | None = None,
    *,
    trace: int = TRACE_ID,
    name: str = "work",
    attributes: Mapping[str, AnyValue] | None = None,
) -> Span:
    """Return a protobuf span whose ids are numbers; it starts `number` ms after 1970 and lasts 10 ms."""
    return Span(
        trace_id=trace.to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        parent_span_id=b"" if parent is None else parent.to_bytes(8, "big"),
        name=name,
        start_time_unix_nano=number * MILLISECOND,
        end_time_unix_nano=(number + 10) * MILLISECOND,
        attributes=[KeyValue(key=key, value=value) for key, value in (attributes or {}).items()],
    )


def traces_body(*spans: Span, service: str = "shop") -> bytes:
    """Return the body of `POST /v1/traces`."""
    scope = ScopeSpans(spans=spans)
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=proto_resource(service), scope_spans=[scope])]
    ).SerializeToString()


def proto_resource(service: str) -> ProtoResource:
    """Return a protobuf resource with that `service.name`."""
    return ProtoResource(attributes=[attribute("service.name", service)])


def attribute(key: str, value: str | int) -> KeyValue:
    """Return a protobuf attribute."""
    wrapped = AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value)
    return KeyValue(key=key, value=wrapped)


def log_record(
    text: str,
    *,
    time_ns: int = MILLISECOND,
    severity: str = "INFO",
    trace_id: str = "",
    span_id: str = "",
    **attributes: str | int,
) -> LogRecord:
    """Return a protobuf log record with ids in hexadecimal."""
    return LogRecord(
        time_unix_nano=time_ns,
        severity_text=severity,
        body=AnyValue(string_value=text),
        trace_id=bytes.fromhex(trace_id),
        span_id=bytes.fromhex(span_id),
        attributes=[attribute(key, value) for key, value in attributes.items()],
    )


def logs_request(*records: LogRecord, service: str = "shop") -> ExportLogsServiceRequest:
    """Return the message of `POST /v1/logs`."""
    scope = ScopeLogs(log_records=records)
    return ExportLogsServiceRequest(resource_logs=[ResourceLogs(resource=proto_resource(service), scope_logs=[scope])])


def duration_point(
    buckets: Mapping[float, int],
    *,
    start_ns: int = 0,
    time_ns: int = 0,
    route: str = "/orders",
    method: str = "POST",
    status: int = 200,
    exemplars: Sequence[Exemplar] = (),
) -> HistogramDataPoint:
    """Return a data point of `http.server.request.duration`; `buckets` has the counts by upper bound, inf the last."""
    labels = {"http.request.method": method, "http.route": route, "http.response.status_code": status}
    return HistogramDataPoint(
        start_time_unix_nano=start_ns,
        time_unix_nano=time_ns,
        count=sum(buckets.values()),
        bucket_counts=buckets.values(),
        explicit_bounds=[bound for bound in buckets if math.isfinite(bound)],
        exemplars=exemplars,
        attributes=[attribute(key, value) for key, value in labels.items()],
    )


def exemplar(seconds: float, time_ns: int, trace_id: str, span_id: str) -> Exemplar:
    """Return a protobuf exemplar with ids in hexadecimal."""
    return Exemplar(
        as_double=seconds,
        time_unix_nano=time_ns,
        trace_id=bytes.fromhex(trace_id),
        span_id=bytes.fromhex(span_id),
    )


def metrics_request(
    *points: HistogramDataPoint,
    service: str = "shop",
    name: str = "http.server.request.duration",
    is_delta: bool = False,
) -> ExportMetricsServiceRequest:
    """Return the message of `POST /v1/metrics` with one histogram."""
    temporality = AggregationTemporality.Value(f"AGGREGATION_TEMPORALITY_{'DELTA' if is_delta else 'CUMULATIVE'}")
    histogram = Histogram(data_points=points, aggregation_temporality=temporality)
    scope = ScopeMetrics(metrics=[Metric(name=name, unit="s", histogram=histogram)])
    resource = ResourceMetrics(resource=proto_resource(service), scope_metrics=[scope])
    return ExportMetricsServiceRequest(resource_metrics=[resource])


@contextmanager
def sender(url: str, service: str, compression: Compression = Compression.Gzip) -> Iterator[TracerProvider]:
    """Yield a tracer provider of the SDK that exports each span to the receiver at `url` when it ends."""
    provider = TracerProvider(resource=Resource({"service.name": service}))
    exporter = OTLPSpanExporter(f"{url}/v1/traces", compression=compression)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider
    provider.shutdown()
