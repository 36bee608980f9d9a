"""Keyset paging: the place after which a page starts, as an opaque text."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import NamedTuple
from uuid import UUID

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
FIRST = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
LAST = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
PLACE = Struct(">q16s")  # 24 bytes: exactly 32 characters of base64, so no padding
PATTERN = "^[A-Za-z0-9_-]{32}$"


class Place(NamedTuple):
    """Where a user stands in the order of the list."""

    created_at: datetime
    id: UUID


def encode(place: Place) -> str:
    """Return the 32 characters that stand for `place`."""
    return urlsafe_b64encode(PLACE.pack((place.created_at - EPOCH) // MICROSECOND, place.id.bytes)).decode()


def decode(text: str) -> Place:
    """Return the place that `text`, which matches PATTERN, stands for.

    `encode` made it; anything else of that form stands for some place as well, at the ends of the calendar if need be.
    """
    microseconds, key = PLACE.unpack(urlsafe_b64decode(text))
    return Place(EPOCH + min(max(microseconds, FIRST), LAST) * MICROSECOND, UUID(bytes=key))
