"""The requests of the sink, decoded to spans: OTLP, and the protocol of the Datadog agent."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import msgpack  # type: ignore[import-untyped]

from spanloom.testing import from_otlp
from spanloom.traces.model import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bench.sink import StoredRequest

OTLP_TRACES = "/v1/traces"
DATADOG_TRACES = "/v0.5/traces"
BASE_SERVICE = "_dd.base_service"  # a database span bears the database's name as its service; this is the sender's


def spans(kept: Iterable[StoredRequest]) -> Iterator[Span]:
    """Yield the spans of every request; metrics and other requests are skipped."""
    for path, encoding, body in kept:
        plain = gzip.decompress(body) if encoding == "gzip" else body
        if path == OTLP_TRACES:
            yield from from_otlp(plain)
        elif path == DATADOG_TRACES:
            yield from from_datadog(plain)


def from_datadog(body: bytes) -> list[Span]:
    """Return the spans of a `PUT /v0.5/traces` body: a table of strings, and chunks of spans that point into it.

    The name is Datadog's resource and the operation an attribute: `GET /users` rather than `fastapi.request`. Of
    trace ids the lower 64 bits are kept, as the upper ones come with the first span of a chunk only.
    """
    strings, chunks = msgpack.unpackb(body, strict_map_key=False)
    return [_span(strings, fields) for chunk in chunks for fields in chunk]


def _span(strings: list[str], fields: list[Any]) -> Span:
    service, name, resource, trace_id, span_id, parent_id, start, duration, error, meta, metrics, _ = fields
    attributes = {strings[key]: strings[value] for key, value in meta.items()}
    attributes |= {strings[key]: value for key, value in metrics.items()}
    return Span(
        trace_id=format(trace_id, "016x"),
        span_id=format(span_id, "016x"),
        parent_id=format(parent_id, "016x") if parent_id else None,
        name=strings[resource],
        kind=attributes.pop("span.kind", "internal").upper(),
        service=attributes.pop(BASE_SERVICE, strings[service]),
        start_ns=start,
        end_ns=start + duration,
        status="ERROR" if error else "UNSET",
        attributes={**attributes, "operation.name": strings[name], "resource.name": strings[resource]},
    )
