"""The spans of the sink's requests."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import msgpack  # type: ignore[import-untyped]
from bench.decode import from_datadog, spans
from bench.sink import StoredRequest, read, write
from support.builders.otlp import proto_span, traces_body

if TYPE_CHECKING:
    from pathlib import Path

STRINGS = ["", "postgres", "postgres.query", "SELECT 1", "span.kind", "client", "_dd.base_service", "shop", "rows"]
FIELDS = [1, 2, 3, 10, 11, 12, 1_000, 50, 0, {4: 5, 6: 7}, {8: 1.0}, 0]


def test_requests_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Requests are read unchanged, with any bytes in their bodies."""
    requests = [StoredRequest("/v1/traces", "gzip", b"\n\x00body"), StoredRequest("/info", "", b"")]
    with (tmp_path / "0").open("wb") as file:
        for each in requests:
            write(file, each)
    assert list(read(tmp_path / "0")) == requests


def test_only_traces_are_decoded() -> None:
    """OTLP spans are decoded plain or gzipped; metrics are skipped."""
    body = traces_body(proto_span(1), proto_span(2, 1))
    kept = [
        StoredRequest("/v1/traces", "", body),
        StoredRequest("/v1/traces", "gzip", gzip.compress(body)),
        StoredRequest("/v1/metrics", "", b"x"),
    ]
    assert [span.span_id for span in spans(kept)] == ["0" * 15 + "1", "0" * 15 + "2"] * 2


def test_datadog_spans_are_decoded() -> None:
    """A database span belongs to the service that sent it; its resource is its name."""
    span = from_datadog(msgpack.packb([STRINGS, [[FIELDS]]]))[0]
    assert (span.service, span.kind, span.name) == ("shop", "CLIENT", "SELECT 1")
    assert (span.trace_id, span.span_id, span.parent_id) == (f"{10:016x}", f"{11:016x}", f"{12:016x}")
    assert span.attributes == {"rows": 1.0, "operation.name": "postgres.query", "resource.name": "SELECT 1"}
