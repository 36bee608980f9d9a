"""Metrics as OTLP bytes (opentelemetry/proto/metrics/v1/metrics.proto)."""

from __future__ import annotations

import struct
from time import time_ns
from typing import TYPE_CHECKING

from spanloom.core.export.protobuf import attribute_fields, double, field, fixed64, utf8
from spanloom.core.spans.encode import encode_scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spanloom.core.metrics.histogram import Exemplar, Histogram, Point
    from spanloom.core.spans.tracer import Scope

DELTA, CUMULATIVE = b"\x10\x01", b"\x10\x02"


def encode_request(resource: bytes, histograms: Iterable[tuple[Scope, Histogram]]) -> bytes:
    """Return an `ExportMetricsServiceRequest`; nothing when there is no measurement."""
    by_scope: dict[Scope, list[bytes]] = {}
    for scope, histogram in histograms:
        if encoded := encode_histogram(histogram):
            by_scope.setdefault(scope, []).append(field(b"\x12", encoded))
    scopes = [field(b"\x12", encode_scope(scope) + b"".join(parts)) for scope, parts in by_scope.items()]
    return field(b"\x0a", resource + b"".join(scopes)) if scopes else b""


def encode_histogram(histogram: Histogram) -> bytes:
    """Return the `Metric` message of a histogram; nothing when it has no points."""
    now = time_ns()
    points = [field(b"\x0a", _point(point, histogram.bounds, now)) for point in histogram.collect()]
    if not points:
        return b""
    names = field(b"\x0a", utf8(histogram.name)) + field(b"\x12", utf8(histogram.description))
    data = b"".join(points) + (DELTA if histogram.is_delta else CUMULATIVE)
    return names + field(b"\x1a", utf8(histogram.unit)) + field(b"\x4a", data)


def _point(point: Point, bounds: list[float], now: int) -> bytes:
    counts = struct.pack(f"<{len(point.counts)}Q", *point.counts)
    return b"".join(
        [
            b"\x11" + fixed64(point.start),
            b"\x19" + fixed64(now),
            b"\x21" + fixed64(sum(point.counts)),
            b"\x29" + double(point.sum),
            field(b"\x32", counts),
            field(b"\x3a", struct.pack(f"<{len(bounds)}d", *bounds)),
            *(field(b"\x42", _exemplar(exemplar)) for exemplar in point.exemplars if exemplar),
            *attribute_fields(b"\x4a", point.attributes),
            b"\x59" + double(point.min),
            b"\x61" + double(point.max),
        ]
    )


def _exemplar(exemplar: Exemplar) -> bytes:
    ids = b"\x22\x08" + exemplar.span_id.to_bytes(8, "big") + b"\x2a\x10" + exemplar.trace_id.to_bytes(16, "big")
    return b"\x11" + fixed64(exemplar.time) + b"\x19" + double(exemplar.value) + ids
