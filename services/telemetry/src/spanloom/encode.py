"""Spans as OTLP bytes, without a protobuf message for each.

The wire format is that of `opentelemetry/proto/trace/v1/trace.proto`; every tag below is written
`(field number << 3) | wire type` as it stands there. What the SDK's own encoder makes of the same span decodes to
the same message (tests/unit/telemetry/test_encode.py holds that for any span). Keys and values that repeat, as
most do, are encoded once.
"""

from __future__ import annotations

import logging
import struct
from typing import TYPE_CHECKING, Any

from opentelemetry.exporter.otlp.proto.common._internal import _encode_value

from spanloom.privacy import scrubbed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.trace import Link, SpanContext, Status, TraceState

log = logging.getLogger(__name__)

INT64 = range(-(2**63), 2**63)
HAS_IS_REMOTE, IS_REMOTE = 0x100, 0x200  # SpanFlags of trace.proto
# Values that repeat are few; of those that do not (paths, ids) no more than these are kept.
MOST_VALUES = 64
REPEATING = frozenset({str, int, bool})  # not float: 0.0 and -0.0 are equal and not the same
MOST_KEYS = 1024
MOST_NAMES = 1024
SMALL = [bytes([number]) for number in range(128)]
KINDS = {number: b"\x30" + SMALL[number + 1] for number in range(5)}  # SpanKind; OTLP counts from 1
times = struct.Struct("<cQcQ").pack
flags_of = struct.Struct("<2sI").pack
double = struct.Struct("<d").pack


def varint(number: int) -> bytes:
    """Return `number` (negative ones as 64-bit two's complement) in base 128, least significant group first."""
    if 0 <= number < 128:
        return SMALL[number]
    number &= 0xFFFFFFFFFFFFFFFF
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def field(tag: bytes, content: bytes) -> bytes:
    """Return a length-delimited field."""
    return tag + varint(len(content)) + content


class _Key:
    """One attribute key: its bytes, and the whole attributes of values seen with it."""

    __slots__ = ("pairs", "prefix")

    def __init__(self, key: str) -> None:
        self.prefix = field(b"\x0a", key.encode())
        self.pairs: dict[Any, bytes] = {}

    def pair(self, value: Any) -> bytes:
        """Return length and content of a KeyValue."""
        known = self.pairs.get((value.__class__, value)) if value.__class__ in REPEATING else None
        return known or self._encoded(value)

    def _encoded(self, value: Any) -> bytes:
        content = self.prefix + field(b"\x12", _any_value(value))
        encoded = varint(len(content)) + content
        if value.__class__ in REPEATING and len(self.pairs) < MOST_VALUES:
            self.pairs[value.__class__, value] = encoded
        return encoded


_keys: dict[str, _Key] = {}
_names: dict[str, bytes] = {}


def encode_span(span: ReadableSpan) -> bytes:
    """Return the `Span` message of a finished span of the SDK (or one that looks like it)."""
    context: SpanContext = span._context  # type: ignore[assignment] # noqa: SLF001 properties of the SDK cost more than the work
    parent = span._parent  # noqa: SLF001
    parts = [b"\x0a\x10", context.trace_id.to_bytes(16), b"\x12\x08", context.span_id.to_bytes(8)]
    if context.trace_state:
        parts.append(_trace_state(context.trace_state))
    if parent is not None:
        parts += (b"\x22\x08", parent.span_id.to_bytes(8))
    parts += (_name(span._name), KINDS[span._kind.value], times(b"\x39", span._start_time, b"\x41", span._end_time))  # noqa: SLF001
    parts += _attributes(b"\x4a", scrubbed(span._attributes or {}))  # noqa: SLF001
    _extras(parts, span)
    parts.append(_status(span._status))  # noqa: SLF001
    parts.append(flags_of(b"\x85\x01", _flags(parent)))
    return b"".join(parts)


def _extras(parts: list[bytes], span: ReadableSpan) -> None:
    """Append what most spans do not have: events, links, and the numbers of what limits dropped."""
    if dropped := span.dropped_attributes:
        parts.append(b"\x50" + varint(dropped))
    if span._events:  # noqa: SLF001
        parts += [field(b"\x5a", _event(event)) for event in span._events]  # noqa: SLF001
    if dropped := span.dropped_events:
        parts.append(b"\x60" + varint(dropped))
    if span._links:  # noqa: SLF001
        parts += [field(b"\x6a", _link(link)) for link in span._links]  # noqa: SLF001
    if dropped := span.dropped_links:
        parts.append(b"\x70" + varint(dropped))


def _name(name: str) -> bytes:
    encoded = _names.get(name)
    if encoded is None:
        encoded = field(b"\x2a", name.encode())
        if len(_names) < MOST_NAMES:
            _names[name] = encoded
    return encoded


def _trace_state(state: TraceState) -> bytes:
    return field(b"\x1a", ",".join(f"{key}={value}" for key, value in state.items()).encode())


def _flags(context: SpanContext | None) -> int:
    return HAS_IS_REMOTE | IS_REMOTE if context is not None and context.is_remote else HAS_IS_REMOTE


def _status(status: Status) -> bytes:
    code = status.status_code.value
    if not code and not status.description:
        return b"\x7a\x00"
    message = field(b"\x12", status.description.encode()) if status.description else b""
    return field(b"\x7a", message + (b"\x18" + SMALL[code] if code else b""))


def _event(event: Event) -> bytes:
    parts = [b"\x09" + event.timestamp.to_bytes(8, "little"), field(b"\x12", event.name.encode())]
    parts += _attributes(b"\x1a", event.attributes or {})
    if event.dropped_attributes:
        parts.append(b"\x20" + varint(event.dropped_attributes))
    return b"".join(parts)


def _link(link: Link) -> bytes:
    context = link.context
    parts = [b"\x0a\x10", context.trace_id.to_bytes(16), b"\x12\x08", context.span_id.to_bytes(8)]
    parts += _attributes(b"\x22", link.attributes or {})
    if link.dropped_attributes:
        parts.append(b"\x28" + varint(link.dropped_attributes))
    parts.append(b"\x35" + _flags(context).to_bytes(4, "little"))
    return b"".join(parts)


def _attributes(tag: bytes, attributes: Mapping[str, Any]) -> list[bytes]:
    parts = []
    for key, value in tuple(attributes.items()):  # a copy: another thread may still hold the span
        try:
            parts.append(tag + (_keys.get(key) or _known(key)).pair(value))
        except Exception:  # the SDK's rule: an attribute that cannot be encoded is left out, the span is not
            log.exception("attribute %s cannot be encoded", key)
    return parts


def _known(key: str) -> _Key:
    known = _Key(key)
    if len(_keys) < MOST_KEYS:
        _keys[key] = known
    return known


def _any_value(value: Any) -> bytes:
    kind = value.__class__
    if kind is str:
        return field(b"\x0a", value.encode())
    if kind is bool:
        return b"\x10\x01" if value else b"\x10\x00"
    if kind is int and value in INT64:
        return b"\x18" + varint(value)
    if kind is float:
        return b"\x21" + double(value)
    return _encode_value(value).SerializeToString()
