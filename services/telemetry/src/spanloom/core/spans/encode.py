"""Spans as OTLP bytes, without a protobuf message for each.

The wire format is that of `opentelemetry/proto/trace/v1/trace.proto`. What the SDK's own encoder makes of the same
program decodes to the same message (tests/unit/telemetry/core/test_spans.py). Keys and values that repeat, as most
do, are encoded once.
"""

from __future__ import annotations

import struct
from collections import Counter
from typing import TYPE_CHECKING, Any

from spanloom.core.export.protobuf import SMALL, attribute_fields, field, utf8, varint
from spanloom.core.redaction import redact_attributes
from spanloom.core.reports import report_dropped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spanloom.core.spans.attributes import AttributeSet
    from spanloom.core.spans.span import Event, Link, Span
    from spanloom.core.spans.tracer import Scope

# Values that repeat are few; of those that do not (paths, ids) no more than these are kept for a key.
MAX_VALUES = 64
MAX_KEYS = 1024
MAX_NAMES = 1024
MAX_CACHED_LENGTH = 256  # characters; what is longer seldom repeats, and 64 of each key would be megabytes
KINDS = [b"\x30" + SMALL[number + 1] for number in range(5)]  # OTLP counts from 1
# SpanFlags: whether the parent is remote is known (0x100), and it is (0x200).
LOCAL, REMOTE = (b"\x85\x01" + flags.to_bytes(4, "little") for flags in (0x100, 0x300))
UNSET = b"\x7a\x00"
times = struct.Struct("<cQcQ").pack

_names: dict[str, bytes] = {}
_texts: dict[tuple[str, str], bytes] = {}
_numbers: dict[tuple[str, type, int], bytes] = {}
_kept: Counter[str] = Counter()


def encode_request(resource: bytes, spans: Iterable[Span]) -> bytes:
    """Return an `ExportTraceServiceRequest` with the spans of one resource, grouped by scope."""
    by_scope: dict[Scope, list[bytes]] = {}
    for span in spans:
        by_scope.setdefault(span.tracer.scope, []).append(_span_or_nothing(span))
    return field(b"\x0a", resource + b"".join(_scope_spans(scope, parts) for scope, parts in by_scope.items()))


def _scope_spans(scope: Scope, spans: list[bytes]) -> bytes:
    url = field(b"\x1a", utf8(scope.schema_url)) if scope.schema_url else b""
    return field(b"\x12", encode_scope(scope) + b"".join(spans) + url)


def encode_scope(scope: Scope) -> bytes:
    """Return the `scope` field (1) of spans, metrics and log records."""
    version = field(b"\x12", utf8(scope.version)) if scope.version else b""
    attributes = b"".join(attribute_fields(b"\x1a", dict(scope.attributes)))
    return field(b"\x0a", field(b"\x0a", utf8(scope.name)) + version + attributes)


def _span_or_nothing(span: Span) -> bytes:
    """Return the `spans` field of one span; one that cannot be encoded is dropped, the others are not."""
    try:
        return field(b"\x12", encode_span(span))
    except Exception as error:
        report_dropped(f"the span {span.name!r}", error)
        return b""


def encode_span(span: Span) -> bytes:
    """Return the `Span` message of a span that has ended."""
    parts = [b"\x0a\x10", span.trace_id.to_bytes(16, "big"), b"\x12\x08", span.span_id.to_bytes(8, "big")]
    if span.state:
        parts.append(field(b"\x1a", utf8(span.state)))
    if span.parent_id:
        parts += (b"\x22\x08", span.parent_id.to_bytes(8, "big"))
    parts += (_names.get(span.name) or _name(span.name), KINDS[span.kind])
    parts.append(times(b"\x39", span.start_time, b"\x41", span.end_time))
    attributes, shared = span.resolve_attributes()
    if shared:
        parts.append(shared.encoded or _encode_shared(shared))
    if attributes:
        _attributes(parts, redact_attributes(attributes))
    if span.events or span.links or span.dropped_attributes or span.dropped_events or span.dropped_links:
        _rare(parts, span)
    parts.append(_status(span.status, span.description) if span.status else UNSET)
    parts.append(REMOTE if span.has_remote_parent else LOCAL)
    return b"".join(parts)


def _encode_shared(shared: AttributeSet) -> bytes:
    shared.encoded = b"".join(attribute_fields(b"\x4a", redact_attributes(shared)))
    return shared.encoded


def _rare(parts: list[bytes], span: Span) -> None:
    """Append what most spans do not have: events, links, and the numbers of what limits dropped."""
    if span.dropped_attributes:
        parts.append(b"\x50" + varint(span.dropped_attributes))
    parts += [field(b"\x5a", _event(event)) for event in span.events]
    if span.dropped_events:
        parts.append(b"\x60" + varint(span.dropped_events))
    parts += [field(b"\x6a", _link(link)) for link in span.links]
    if span.dropped_links:
        parts.append(b"\x70" + varint(span.dropped_links))


def _name(name: str) -> bytes:
    encoded = field(b"\x2a", utf8(name))
    if len(_names) < MAX_NAMES and len(name) <= MAX_CACHED_LENGTH:
        _names[name] = encoded
    return encoded


def _status(code: int, description: str) -> bytes:
    message = field(b"\x12", utf8(description)) if description else b""
    return field(b"\x7a", message + b"\x18" + SMALL[code])


def _event(event: Event) -> bytes:
    parts = [b"\x09" + event.timestamp.to_bytes(8, "little"), field(b"\x12", utf8(event.name))]
    parts += attribute_fields(b"\x1a", redact_attributes(event.attributes))
    if event.dropped:
        parts.append(b"\x20" + varint(event.dropped))
    return b"".join(parts)


def _link(link: Link) -> bytes:
    parts = [b"\x0a\x10", link.to.trace_id.to_bytes(16, "big"), b"\x12\x08", link.to.span_id.to_bytes(8, "big")]
    parts += attribute_fields(b"\x22", redact_attributes(link.attributes))
    if link.dropped:
        parts.append(b"\x28" + varint(link.dropped))
    return b"".join(parts) + b"\x35" + (REMOTE if link.to.is_remote else LOCAL)[2:]


def _attributes(parts: list[bytes], attributes: Mapping[str, Any]) -> None:
    """Append a span's attributes, those that are cached from the cache."""
    for key, value in tuple(attributes.items()):  # a copy: another thread may still hold the span
        kind, cached = value.__class__, None
        if kind is str:
            cached = _texts.get((key, value))
        elif kind is int or kind is bool:
            cached = _numbers.get((key, kind, value))
        parts.append(cached if cached is not None else _encode(key, kind, value))


def _encode(key: str, kind: type, value: Any) -> bytes:
    encoded = b"".join(attribute_fields(b"\x4a", {key: value}))
    if kind is str and len(value) > MAX_CACHED_LENGTH:
        return encoded
    if _kept[key] < MAX_VALUES and len(_kept) < MAX_KEYS:
        if kind is str:
            _texts[key, value] = encoded
        elif kind is int or kind is bool:
            _numbers[key, kind, value] = encoded
        _kept[key] += 1
    return encoded
