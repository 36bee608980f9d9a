"""Conversion of any Python value to a span attribute: an OTLP type of bounded length, without exceptions."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from reprlib import Repr
from uuid import UUID

# Characters: the beginning of a SQL statement or a URL, readable in a waterfall.
MAX_LENGTH = 256
INT64 = range(-(2**63), 2**63)
IMMUTABLE_TYPES = frozenset({type(None), bool, int, float, UUID, date, datetime, time, timedelta, Decimal})
STR_TYPES = (str, UUID, date, time, timedelta, Decimal, PurePath)

_repr = Repr()
_repr.maxstring = _repr.maxlong = _repr.maxother = MAX_LENGTH


def to_attribute_value(value: object) -> bool | int | float | str:
    """Return `value` if it is a bool, 64-bit int, float or short str, otherwise text.

    Text is cut at MAX_LENGTH characters and can always be encoded as UTF-8, which OTLP requires.
    """
    kind = value.__class__
    if kind is bool or kind is float or (kind is int and value in INT64):
        return value  # type: ignore[return-value]
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool | float):
        return value
    if isinstance(value, int) and value in INT64:
        return value
    return _text(value)


def _text(value: object) -> str:
    try:
        text = str(value) if isinstance(value, STR_TYPES) else _repr.repr(value)
    except Exception:  # an int too long to convert (CVE-2020-10735), or an error in the class of `value`
        text = f"<{type(value).__name__}>"
    text = text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1] + "…"
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
