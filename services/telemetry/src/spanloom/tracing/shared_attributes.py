"""Attribute sets shared by many spans, and attributes that are resolved when a span is exported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.trace import Span


class AttributeSet(dict[str, Any]):
    """Attributes shared by many spans; immutable after creation, so they are validated and encoded once.

    An ordinary mapping except for LeanSpan. `max_text_length` is the length of the longest text in characters;
    `encoded` caches the OTLP bytes.
    """

    def __init__(self, attributes: Mapping[str, str | int]) -> None:
        super().__init__(attributes)
        self.max_text_length = max((len(value) for value in attributes.values() if isinstance(value, str)), default=0)
        self.encoded: bytes | None = None


EMPTY = AttributeSet({})


def defer_attributes(span: Span, make: Callable[..., Iterable[Mapping[str, Any]]], *values: object) -> None:
    """Set the attributes that `make(*values)` returns, deferred until export; the values must be immutable.

    A LeanSpan calls `make` in the export thread, for many spans in a row: the same code costs several times less in a
    tight loop than interleaved with request handling, because it stays in the processor's caches.
    """
    add_deferred = getattr(span, "add_deferred", None)
    if add_deferred is not None:
        add_deferred(make, values)
    elif span.is_recording():
        for attributes in make(*values):
            span.set_attributes(attributes)
