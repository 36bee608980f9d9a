"""Attributes that many spans have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


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
