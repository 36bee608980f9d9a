"""Any value as a span attribute."""

from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from spanloom.tracing.attribute_values import MAX_LENGTH, to_attribute_value

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.uuids() | st.datetimes(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class Colour(Enum):
    RED = "red"


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (7, 7),
        (2.5, 2.5),
        ("text", "text"),
        (None, "None"),
        (2**70, str(2**70)),
        ([1, "a"], "[1, 'a']"),
        (Colour.RED, "red"),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (date(2026, 1, 2), "2026-01-02"),
        (Decimal("1.50"), "1.50"),
        (PurePosixPath("/a"), "/a"),
        ("\ud800", "\\ud800"),
        ("x" * 300, "x" * 255 + "…"),
    ],
)
def test_values_keep_their_type_or_become_readable_text(value: object, expected: object) -> None:
    """Plain values stay themselves, others become the text a reader expects, cut at a length."""
    assert expected == to_attribute_value(value)


def test_a_value_that_cannot_be_shown_is_no_error() -> None:
    """An object whose repr fails is named by its class, and so is what holds a number that Python does not write."""
    assert "Unspeakable instance" in str(to_attribute_value(Unspeakable()))
    assert ["<int>", "<list>"] == [to_attribute_value(10**5000), to_attribute_value([10**5000])]


@given(anything)
def test_every_value_fits_into_otlp(value: object) -> None:
    """Whatever the value, OTLP can carry what becomes of it, and it is short."""
    shown = to_attribute_value(value)
    match shown:
        case bool():
            AnyValue(bool_value=shown)
        case int():
            AnyValue(int_value=shown)
        case float():
            AnyValue(double_value=shown)
        case str():
            assert AnyValue(string_value=shown).SerializeToString()
            assert len(shown) <= MAX_LENGTH * 4  # a lone surrogate is spelled out
