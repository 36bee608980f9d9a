"""Encoder of spans to OTLP bytes, without a protobuf message per span.

The wire format is that of `opentelemetry/proto/trace/v1/trace.proto`; every tag below is written as `(field number <<
3) | wire type`. The SDK's encoder produces an equal message for the same span (tests/unit/telemetry/sdk/test_spans.py
compares both for generated spans). Repeated keys and values are encoded once.
"""

from __future__ import annotations

import struct
from collections import Counter
from typing import TYPE_CHECKING, Any, cast

from spanloom.sdk.private import encode_value
from spanloom.tracing.guard import report_dropped
from spanloom.tracing.redaction import redact_attributes
from spanloom.tracing.shared_attributes import EMPTY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.trace import Link, SpanContext, Status, TraceState

    from spanloom.tracing.shared_attributes import AttributeSet


INT64 = range(-(2**63), 2**63)
# Maximum number of cached values per key: repeated values are few; paths and ids do not repeat.
MAX_VALUES = 64
MAX_KEYS = 1024
MAX_NAMES = 1024
MAX_CACHED_LENGTH = 256  # characters; longer values seldom repeat, and 64 of each key would take megabytes
SMALL = [bytes([number]) for number in range(128)]
KINDS = [b"\x30" + SMALL[number + 1] for number in range(5)]  # SpanKind; OTLP starts at 1
# SpanFlags: has a value for "parent is remote" (0x100), parent is remote (0x200).
LOCAL, REMOTE = (b"\x85\x01" + flags.to_bytes(4, "little") for flags in (0x100, 0x300))
UNSET = b"\x7a\x00"
times = struct.Struct("<cQcQ").pack
double = struct.Struct("<d").pack


def varint(number: int) -> bytes:
    """Return `number` (negative ones as 64-bit two's complement) in base 128, least significant group first."""
    if 0 <= number < 128:
        return SMALL[number]
    if 0 < number < 1 << 14:  # the length of most spans
        return bytes((number & 0x7F | 0x80, number >> 7))
    number &= 0xFFFFFFFFFFFFFFFF
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def utf8(text: str) -> bytes:
    """Return `text` as UTF-8, which OTLP requires; lone surrogates (PEP 383) are escaped."""
    return text.encode("utf-8", "backslashreplace")


def field(tag: bytes, content: bytes) -> bytes:
    """Return a length-delimited field."""
    return tag + varint(len(content)) + content


_names: dict[str, bytes] = {}
_texts: dict[tuple[str, str], bytes] = {}
_numbers: dict[tuple[str, type, int], bytes] = {}
_cached_per_key: Counter[str] = Counter()


def encode_span(span: ReadableSpan, attributes: Mapping[str, Any], shared: AttributeSet = EMPTY) -> bytes:
    """Return the `Span` message of a finished span of the SDK, or of an object with the same fields.

    `shared` and `attributes` together are the span's attributes.
    """
    # The SDK's private fields: its properties cost more than the encoding.
    parent = span._parent
    trace_id, span_id, _, _, state, _ = cast("SpanContext", span._context)
    parts = [b"\x0a\x10", trace_id.to_bytes(16), b"\x12\x08", span_id.to_bytes(8)]
    if state:
        parts.append(_trace_state(state))
    if parent is not None:
        parts += (b"\x22\x08", parent[1].to_bytes(8))
    parts += (_names.get(span._name) or _name(span._name), KINDS[span._kind._value_])
    parts.append(times(b"\x39", span._start_time, b"\x41", span._end_time))
    if shared:
        parts.append(shared.encoded or _encode_shared(shared))
    if attributes:
        _append_attributes(parts, redact_attributes(attributes))
    if span._events != () or span._links != () or attributes.__class__ is not dict:
        _append_rare_fields(parts, span)
    parts.append(_status(span._status))
    parts.append(REMOTE if parent is not None and parent[2] else LOCAL)
    return b"".join(parts)


def _encode_shared(shared: AttributeSet) -> bytes:
    shared.encoded = b"".join(_encode_attributes(b"\x4a", redact_attributes(shared)))
    return shared.encoded


def _append_rare_fields(parts: list[bytes], span: ReadableSpan) -> None:
    """Append the fields that most spans do not have: events, links, and counts dropped by limits."""
    if dropped := span.dropped_attributes:
        parts.append(b"\x50" + varint(dropped))
    parts += [field(b"\x5a", _event(event)) for event in span._events]
    if dropped := span.dropped_events:
        parts.append(b"\x60" + varint(dropped))
    parts += [field(b"\x6a", _link(link)) for link in span._links]
    if dropped := span.dropped_links:
        parts.append(b"\x70" + varint(dropped))


def _name(name: str) -> bytes:
    encoded = _names.get(name)
    if encoded is None:
        encoded = field(b"\x2a", utf8(name))
        if len(_names) < MAX_NAMES and len(name) <= MAX_CACHED_LENGTH:
            _names[name] = encoded
    return encoded


def _trace_state(state: TraceState) -> bytes:
    return field(b"\x1a", ",".join(f"{key}={value}" for key, value in state.items()).encode())


def _status(status: Status) -> bytes:
    code = status.status_code._value_
    if not code:
        return UNSET
    message = field(b"\x12", utf8(status.description)) if status.description else b""
    return field(b"\x7a", message + b"\x18" + SMALL[code])


def _event(event: Event) -> bytes:
    parts = [b"\x09" + event.timestamp.to_bytes(8, "little"), field(b"\x12", utf8(event.name))]
    parts += _encode_attributes(b"\x1a", event.attributes or {})
    if event.dropped_attributes:
        parts.append(b"\x20" + varint(event.dropped_attributes))
    return b"".join(parts)


def _link(link: Link) -> bytes:
    context = link.context
    parts = [b"\x0a\x10", context.trace_id.to_bytes(16), b"\x12\x08", context.span_id.to_bytes(8)]
    parts += _encode_attributes(b"\x22", link.attributes or {})
    if link.dropped_attributes:
        parts.append(b"\x28" + varint(link.dropped_attributes))
    flags = REMOTE if context.is_remote else LOCAL
    return b"".join(parts) + b"\x35" + flags[2:]


def _append_attributes(parts: list[bytes], attributes: Mapping[str, Any]) -> None:
    """Append a span's attributes, encoded ones from the cache."""
    for key, value in tuple(attributes.items()):  # a copy: another thread may still change the span
        kind, cached = value.__class__, None
        if kind is str:
            cached = _texts.get((key, value))
        elif kind is int or kind is bool:
            cached = _numbers.get((key, kind, value))
        parts.append(cached if cached is not None else _encode_attribute(key, kind, value))


def _encode_attribute(key: str, kind: type, value: Any) -> bytes:
    [encoded] = _encode_attributes(b"\x4a", {key: value}) or [b""]
    if kind is str and len(value) > MAX_CACHED_LENGTH:
        return encoded
    if _cached_per_key[key] < MAX_VALUES and len(_cached_per_key) < MAX_KEYS:
        if kind is str:
            _texts[key, value] = encoded
        elif kind is int or kind is bool:
            _numbers[key, kind, value] = encoded
        _cached_per_key[key] += 1
    return encoded


def _encode_attributes(tag: bytes, attributes: Mapping[str, Any]) -> list[bytes]:
    parts = []
    for key, value in attributes.items():
        try:
            content = field(b"\x0a", utf8(key)) + field(b"\x12", _any_value(value))
        except Exception as error:  # as in the SDK: an attribute that cannot be encoded is dropped, the span is kept
            report_dropped(f"the attribute {key!r}", error)
        else:
            parts.append(field(tag, content))
    return parts


def _any_value(value: Any) -> bytes:
    kind = value.__class__
    if kind is str:
        return field(b"\x0a", utf8(value))
    if kind is bool:
        return b"\x10\x01" if value else b"\x10\x00"
    if kind is int and value in INT64:
        return b"\x18" + varint(value)
    if kind is float:
        return b"\x21" + double(value)
    encoded: bytes = encode_value(value).SerializeToString()
    return encoded
