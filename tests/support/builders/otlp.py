"""OTLP request bodies, and a sender with the real SDK."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ProtoResource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
    name = KeyValue(key="service.name", value=AnyValue(string_value=service))
    resource = ResourceSpans(resource=ProtoResource(attributes=[name]), scope_spans=[ScopeSpans(spans=spans)])
    return ExportTraceServiceRequest(resource_spans=[resource]).SerializeToString()


@contextmanager
def sender(url: str, service: str, compression: Compression = Compression.Gzip) -> Iterator[TracerProvider]:
    """Yield a tracer provider of the SDK that exports each span to the receiver at `url` when it ends."""
    provider = TracerProvider(resource=Resource({"service.name": service}))
    exporter = OTLPSpanExporter(f"{url}/v1/traces", compression=compression)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider
    provider.shutdown()
