"""The cursor of the list of users."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from users_db.paging import PATTERN, Position, decode, encode

positions = st.builds(Position, st.datetimes(timezones=st.just(UTC)), st.uuids())


@given(positions)
def test_a_cursor_is_read_as_it_was_written(position: Position) -> None:
    """A cursor decodes to the same position, to the microsecond."""
    assert position == decode(encode(position))


@given(st.from_regex(PATTERN, fullmatch=True))
def test_any_text_of_the_right_form_is_a_cursor(text: str) -> None:
    """An untrusted text that looks like a cursor decodes to some date; nothing fails."""
    position = decode(text)
    assert position == decode(encode(position))


@pytest.mark.parametrize(("text", "year"), [("f" + "_" * 31, 9999), ("g" + "A" * 31, 1)])
def test_a_time_outside_the_calendar_is_clamped(text: str, year: int) -> None:
    """An impossible time comes before or after every user."""
    assert year == decode(text).created_at.year


def test_a_cursor_is_opaque_and_fits_a_url() -> None:
    """A cursor is 32 characters that need no escaping in a query."""
    cursor = encode(Position(datetime(2026, 11, 2, tzinfo=UTC), UUID(int=1)))
    assert (len(cursor), cursor.replace("-", "").replace("_", "").isalnum()) == (32, True)
