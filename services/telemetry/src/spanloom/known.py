"""Attributes that cost little: those that many spans have in common, and those that can wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.trace import Span


class Known(dict[str, Any]):
    """A set of attributes to give to one span after the other; never changed, so it is checked and encoded once.

    For anybody but a lean span it is an ordinary mapping. `longest` is the length of its longest text; `encoded` are
    its OTLP bytes, as soon as somebody needed them.
    """

    def __init__(self, attributes: Mapping[str, str | int]) -> None:
        super().__init__(attributes)
        self.longest = max((len(value) for value in attributes.values() if isinstance(value, str)), default=0)
        self.encoded: bytes | None = None


NOTHING = Known({})


def describe_later(span: Span, make: Callable[..., Iterable[Mapping[str, Any]]], *values: object) -> None:
    """Give a span the attributes that `make(*values)` returns, as late as can be; nobody may change the values.

    A lean one asks for them when it is encoded, one of many in a row: what runs in a row finds its code in the
    processor's caches, and costs much less than between all that a request does.
    """
    put_off = getattr(span, "put_off", None)
    if put_off is not None:
        put_off(make, values)
    elif span.is_recording():
        for attributes in make(*values):
            span.set_attributes(attributes)
