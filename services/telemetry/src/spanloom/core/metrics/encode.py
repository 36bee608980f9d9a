"""Metrics as OTLP bytes (opentelemetry/proto/metrics/v1/metrics.proto)."""

from __future__ import annotations

import struct
from time import time_ns
from typing import TYPE_CHECKING

from spanloom.core.export.protobuf import attribute_fields, double, field, fixed64, utf8
from spanloom.core.metrics.histogram import Histogram
from spanloom.core.spans.encode import encode_scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spanloom.core.metrics.histogram import Exemplar, Point
    from spanloom.core.metrics.sums import Counter, Number, ObservedSum
    from spanloom.core.spans.tracer import Scope

    Instrument = Histogram | Counter | ObservedSum

sfixed64 = struct.Struct("<q").pack
DELTA, CUMULATIVE = b"\x10\x01", b"\x10\x02"
MONOTONIC = b"\x18\x01"


def encode_request(resource: bytes, instruments: Iterable[Instrument]) -> bytes:
    """Return an `ExportMetricsServiceRequest`; nothing when there is no measurement."""
    by_scope: dict[Scope, list[bytes]] = {}
    for instrument in instruments:
        if encoded := encode_metric(instrument):
            by_scope.setdefault(instrument.definition.scope, []).append(field(b"\x12", encoded))
    scopes = [field(b"\x12", encode_scope(scope) + b"".join(parts)) for scope, parts in by_scope.items()]
    return field(b"\x0a", resource + b"".join(scopes)) if scopes else b""


def encode_metric(instrument: Instrument) -> bytes:
    """Return the `Metric` message of an instrument; nothing when it has no points."""
    data = _histogram(instrument) if isinstance(instrument, Histogram) else _sum(instrument)
    if not data:
        return b""
    _, name, unit, description, *_ = instrument.definition
    return field(b"\x0a", utf8(name)) + field(b"\x12", utf8(description)) + field(b"\x1a", utf8(unit)) + data


def _histogram(histogram: Histogram) -> bytes:
    now, bounds = time_ns(), histogram.definition.bounds
    points = [field(b"\x0a", _point(point, bounds, now)) for point in histogram.collect()]
    return field(b"\x4a", b"".join([*points, _temporality(histogram)])) if points else b""


def _sum(instrument: Counter | ObservedSum) -> bytes:
    now = time_ns()
    points = [field(b"\x0a", _number(number, now)) for number in instrument.collect()]
    parts = [*points, _temporality(instrument), MONOTONIC if instrument.is_monotonic else b""]
    return field(b"\x3a", b"".join(parts)) if points else b""


def _temporality(instrument: Instrument) -> bytes:
    return DELTA if instrument.is_delta else CUMULATIVE


def _number(number: Number, now: int) -> bytes:
    is_double = isinstance(number.value, float)
    value = b"\x21" + double(number.value) if is_double else b"\x31" + sfixed64(int(number.value))
    attributes = attribute_fields(b"\x3a", number.attributes)
    return b"".join([b"\x11" + fixed64(number.start), b"\x19" + fixed64(now), value, *attributes])


def _point(point: Point, bounds: Sequence[float], now: int) -> bytes:
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
    value, time, trace_id, span_id = exemplar
    ids = b"\x22\x08" + span_id.to_bytes(8, "big") + b"\x2a\x10" + trace_id.to_bytes(16, "big")
    return b"\x11" + fixed64(time) + b"\x19" + double(value) + ids
