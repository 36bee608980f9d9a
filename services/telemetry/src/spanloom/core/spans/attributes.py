"""Attributes: values that OTLP can carry, within the limits; sets that many spans share; attributes made at export.

OpenTelemetry specification, "Common", section "Attribute"; limits as the SDK for Python applies them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from spanloom.core.reports import report_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PLAIN = frozenset({str, bool, int, float})
UNLIMITED = 2**63 - 1


class Limits(NamedTuple):
    """Limits of a span: numbers of attributes, events and links, and the characters of a text."""

    attributes: int = 128
    length: int = UNLIMITED
    events: int = 128
    links: int = 128
    event_attributes: int = 128
    link_attributes: int = 128


class AttributeSet(dict):  # type: ignore[type-arg] # dict[str, Any] as a base needs no subscript at runtime
    """Attributes shared by many spans; never changed after creation, so they are checked and encoded once.

    `longest` is the length of the longest text in characters; `encoded` holds the OTLP bytes once they were needed.
    """

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        super().__init__(attributes)
        self.longest = max((len(value) for value in attributes.values() if isinstance(value, str)), default=0)
        self.encoded: bytes | None = None


EMPTY = AttributeSet({})


class Deferred(NamedTuple):
    """Attributes that `make(*values)` returns, and those that were deferred before them."""

    make: Callable[..., Iterable[Mapping[str, Any]]]
    values: tuple[object, ...]
    before: Deferred | None


def fits(attributes: Mapping[str, Any], length: int) -> bool:
    """Return whether all attributes are plain values within the limit of text."""
    for key, value in attributes.items():
        kind = value.__class__
        if key.__class__ is not str or not key or kind not in PLAIN or (kind is str and len(value) > length):
            return False
    return True


def add_bounded(found: dict[str, Any], attributes: Mapping[Any, Any], most: int, length: int) -> int:
    """Add attributes to `found`, the newest last; return how many a limit or an unusable key dropped."""
    dropped = 0
    for key, value in attributes.items():
        name = key if isinstance(key, str) or not has_text(key) else str(key)
        if not most or not name or not isinstance(name, str):
            dropped += 1
            continue
        found.pop(name, None)
        if len(found) >= most:
            del found[next(iter(found))]
            dropped += 1
        found[name] = to_value(value, length)
    return dropped


def to_value(value: Any, length: int) -> Any:
    """Return a value that OTLP can carry: texts cut to `length` characters, unknown types as text, sequences copied."""
    if isinstance(value, str):
        return value[:length]
    if value is None or isinstance(value, (bool, int, float, bytes)):
        return value
    if isinstance(value, Sequence):
        return tuple(to_value(item, length) for item in value)
    if isinstance(value, Mapping):
        return {str(key): to_value(item, length) for key, item in value.items() if key}
    report_once(f"an attribute value of type {type(value).__name__} is recorded as text")
    return str(value) if has_text(value) else None


def has_text(value: object) -> bool:
    """Return whether the class of a value says how it is shown, rather than where it is in memory."""
    return type(value).__str__ is not object.__str__ or type(value).__repr__ is not object.__repr__
