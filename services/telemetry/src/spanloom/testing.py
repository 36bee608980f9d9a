"""Read traces from OTLP or Jaeger in tests, and compare them with an expected tree.

trace = group(from_otlp(body))[trace_id]
assert_shape(trace, '''
users-api SERVER GET /users
users-api CLIENT GET
''')
"""

from __future__ import annotations

from itertools import zip_longest
from textwrap import dedent
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanloom.traces.model import Span, Trace, group

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

__all__ = ["Span", "Trace", "assert_shape", "from_jaeger", "from_otlp", "group", "otlp_attributes", "otlp_value"]

KINDS = ("INTERNAL", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
STATUSES = ("UNSET", "OK", "ERROR")


def from_otlp(body: bytes) -> list[Span]:
    """Return the spans of one OTLP/HTTP request body (`ExportTraceServiceRequest`, protobuf)."""
    request = ExportTraceServiceRequest.FromString(body)
    return [
        _span(span, otlp_attributes(resource.resource.attributes), scope.scope.name)
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def from_jaeger(response: Mapping[str, Any]) -> list[Span]:
    """Return the spans of a response of Jaeger's `GET /api/traces/ID`, given with its `data` list."""
    return [
        _jaeger_span(span, trace["processes"][span["processID"]])
        for trace in response["data"]
        for span in trace["spans"]
    ]


def assert_shape(trace: Trace, expected: str) -> None:
    """Assert that `trace` has one root, no orphans and exactly the `expected` tree.

    `expected` has one line per span, `service KIND name`, indented by two spaces per level (see `Trace.shape`).
    AssertionError shows both trees side by side and marks the lines that differ.
    """
    actual, expected = trace.shape(), dedent(expected).strip()
    if actual != expected or trace.orphans:
        raise AssertionError(f"trace {trace.trace_id} is not as expected\n{_side_by_side(expected, actual)}")


def _side_by_side(expected: str, actual: str) -> str:
    pairs = list(zip_longest(expected.split("\n"), actual.split("\n"), fillvalue=""))
    width = max(len("expected"), *(len(left) for left, _ in pairs))
    lines = [f"  {'expected':<{width}}  | actual"]
    lines += [f"{' ' if left == right else '!'} {left:<{width}}  | {right}" for left, right in pairs]
    return "\n".join(lines)


def _span(span: OtlpSpan, resource: Mapping[str, Any], scope: str) -> Span:
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex() or None,
        name=span.name,
        kind=KINDS[span.kind],
        service=str(resource.get("service.name", "")),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        status=STATUSES[span.status.code],
        message=span.status.message,
        attributes=otlp_attributes(span.attributes),
        events=tuple({"name": event.name, **otlp_attributes(event.attributes)} for event in span.events),
        links=tuple(link.trace_id.hex() for link in span.links),
        resource=resource,
        scope=scope,
    )


def otlp_attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Return the attributes of a span, log record, data point, scope or resource of OTLP as Python values."""
    return {pair.key: otlp_value(pair.value) for pair in pairs}


def otlp_value(value: AnyValue) -> Any:
    """Return an OTLP value: str, bool, int, float, bytes, list, dict, or None if it is empty."""
    which = value.WhichOneof("value")
    if which == "array_value":
        return [otlp_value(item) for item in value.array_value.values]
    if which == "kvlist_value":
        return otlp_attributes(value.kvlist_value.values)
    return getattr(value, which) if which else None


def _jaeger_span(span: Mapping[str, Any], process: Mapping[str, Any]) -> Span:
    tags = {tag["key"]: tag["value"] for tag in span["tags"]}
    start = span["startTime"] * 1000
    return Span(
        trace_id=span["traceID"].zfill(32),
        span_id=span["spanID"].zfill(16),
        parent_id=_jaeger_parent(span),
        name=span["operationName"],
        kind=str(tags.pop("span.kind", "internal")).upper(),
        service=process["serviceName"],
        start_ns=start,
        end_ns=start + span["duration"] * 1000,
        status=str(tags.pop("otel.status_code", "UNSET")),
        message=str(tags.pop("otel.status_description", "")),
        attributes=tags,
        events=tuple(_jaeger_events(span.get("logs") or ())),
        links=tuple(r["traceID"] for r in span.get("references", ()) if r["refType"] == "FOLLOWS_FROM"),
        resource={tag["key"]: tag["value"] for tag in process.get("tags", ())},
        scope=str(tags.get("otel.scope.name", tags.get("otel.library.name", ""))),
    )


def _jaeger_parent(span: Mapping[str, Any]) -> str | None:
    parents = [r for r in span.get("references", ()) if r["refType"] == "CHILD_OF"]
    return parents[0]["spanID"].zfill(16) if parents else None


def _jaeger_events(logs: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for log in logs:
        fields = {item["key"]: item["value"] for item in log["fields"]}
        yield {"name": fields.pop("event", ""), **fields}
