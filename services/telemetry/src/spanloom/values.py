"""Any Python value as a span attribute: a type OTLP knows, bounded in length, never an exception."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from reprlib import Repr
from uuid import UUID

# Characters. Long enough for a SQL statement's head or a URL, short enough to read in a waterfall.
LONGEST = 256
INT64 = range(-(2**63), 2**63)
# Small, and never changed by anybody.
LASTING = frozenset({type(None), bool, int, float, UUID, date, datetime, time, timedelta, Decimal})
PLAIN = (str, UUID, date, time, timedelta, Decimal, PurePath)

_repr = Repr()
_repr.maxstring = _repr.maxlong = _repr.maxother = LONGEST


def attribute(value: object) -> bool | int | float | str:
    """Return `value` itself if it is a bool, 64-bit int, float or short str, otherwise text for it.

    Text is cut at LONGEST characters and can always be encoded as UTF-8 (OTLP's strings are).
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
        text = str(value) if isinstance(value, PLAIN) else _repr.repr(value)
    except Exception:  # a number too long for Python to write (CVE-2020-10735), or a class's own mistake
        text = f"<{type(value).__name__}>"
    text = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
