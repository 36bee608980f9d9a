"""Keyset pagination: the position after which a page starts, as an opaque cursor."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import NamedTuple
from uuid import UUID

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MIN_MICROSECONDS = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
MAX_MICROSECONDS = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
LAYOUT = Struct(">q16s")  # 24 bytes are exactly 32 characters of base64, without padding
PATTERN = "^[A-Za-z0-9_-]{32}$"


class Position(NamedTuple):
    """Sort key of a user in the list."""

    created_at: datetime
    id: UUID


def encode(position: Position) -> str:
    """Return the cursor of `position`, 32 characters."""
    return urlsafe_b64encode(LAYOUT.pack((position.created_at - EPOCH) // MICROSECOND, position.id.bytes)).decode()


def decode(text: str) -> Position:
    """Return the position of the cursor `text`, which matches PATTERN.

    Any text of this form is a position; timestamps outside of the calendar are clamped.
    """
    microseconds, key = LAYOUT.unpack(urlsafe_b64decode(text))
    return Position(EPOCH + min(max(microseconds, MIN_MICROSECONDS), MAX_MICROSECONDS) * MICROSECOND, UUID(bytes=key))
