"""The cursor of a list of users."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from users_db.paging import Place, decode, encode

places = st.builds(Place, st.datetimes(timezones=st.just(UTC)), st.uuids())


@given(places)
def test_a_cursor_leads_back_to_its_place(place: Place) -> None:
    """Whatever place a cursor stands for is what it is read as, to the microsecond."""
    assert place == decode(encode(place))


@given(st.text() | st.from_regex("^[A-Za-z0-9_-]{32}$"))
def test_any_text_is_a_place_or_refused(text: str) -> None:
    """A text from outside is either the one cursor of a place or a ValueError, never another failure."""
    try:
        place = decode(text)
    except ValueError as error:
        assert str(error) == "is not a cursor of this service"
    else:
        assert text == encode(place)


@pytest.mark.parametrize("text", ["", "x", "A" * 31, "A" * 33, "A" * 32 + "\n", "+" * 32, "f" + "_" * 31])
def test_what_is_no_cursor(text: str) -> None:
    """Wrong lengths, foreign characters and times out of the calendar are refused."""
    with pytest.raises(ValueError, match="is not a cursor of this service"):
        decode(text)


def test_a_cursor_is_opaque_and_fits_a_url() -> None:
    """A cursor is 32 characters that need no escaping in a query."""
    cursor = encode(Place(datetime(2026, 11, 2, tzinfo=UTC), UUID(int=1)))
    assert (len(cursor), cursor.replace("-", "").replace("_", "").isalnum()) == (32, True)
