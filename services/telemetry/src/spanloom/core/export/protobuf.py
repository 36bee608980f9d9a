"""Protocol Buffers' wire format, as far as OTLP needs it.

Tags are written out where they are used, `(field number << 3) | wire type` as they stand in the .proto files.
https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from spanloom.core.reports import report_dropped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

INT64 = range(-(2**63), 2**63)
SMALL = [bytes([number]) for number in range(128)]
double = struct.Struct("<d").pack
fixed64 = struct.Struct("<Q").pack


def varint(number: int) -> bytes:
    """Return `number` (negative ones as 64-bit two's complement) in base 128, least significant group first."""
    if 0 <= number < 128:
        return SMALL[number]
    if 0 < number < 1 << 14:  # the length of nearly every span
        return bytes((number & 0x7F | 0x80, number >> 7))
    number &= 0xFFFFFFFFFFFFFFFF
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def utf8(text: str) -> bytes:
    """Return `text` in UTF-8; a lone surrogate (PEP 383 makes such) as its escape sequence, never an error."""
    return text.encode("utf-8", "backslashreplace")


def field(tag: bytes, content: bytes) -> bytes:
    """Return a length-delimited field."""
    return tag + varint(len(content)) + content


def attribute_fields(tag: bytes, attributes: Mapping[str, Any]) -> list[bytes]:
    """Return a `KeyValue` field for each attribute; one that OTLP cannot carry is dropped and reported."""
    fields = []
    for key, value in attributes.items():
        try:
            fields.append(field(tag, key_value(key, value)))
        except Exception as error:
            report_dropped(f"the attribute {key!r}", error)
    return fields


def key_value(key: str, value: Any) -> bytes:
    """Return the `KeyValue` message of an attribute; TypeError or ValueError for a value that OTLP cannot carry."""
    return field(b"\x0a", utf8(key)) + field(b"\x12", any_value(value))


def any_value(value: Any) -> bytes:
    """Return the `AnyValue` message of a value (opentelemetry/proto/common/v1/common.proto)."""
    if value is None:
        return b""
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, str):
        return field(b"\x0a", utf8(value))
    if isinstance(value, int):
        return b"\x18" + _int64(value)
    if isinstance(value, float):
        return b"\x21" + double(value)
    if isinstance(value, bytes):
        return field(b"\x3a", value)
    return _container(value)


def _int64(number: int) -> bytes:
    if number not in INT64:
        raise ValueError("an integer of more than 64 bits")
    return varint(number)


def _container(value: Any) -> bytes:
    if isinstance(value, (list, tuple)):
        return field(b"\x2a", _repeated(map(any_value, value)))
    if isinstance(value, dict):
        return field(b"\x32", _repeated(key_value(str(key), item) for key, item in value.items()))
    raise TypeError(f"a value of type {type(value).__name__}")


def _repeated(messages: Iterable[bytes]) -> bytes:
    return b"".join(field(b"\x0a", message) for message in messages)
