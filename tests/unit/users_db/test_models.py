"""Names of users, in users-db-service."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from support.builders.user_names import BAD_NAMES, GOOD_NAMES

from users_db.models import NewUser


@pytest.mark.parametrize(("given", "kept"), GOOD_NAMES)
def test_a_valid_name_is_trimmed(given: str, kept: str) -> None:
    """A name of 1 to 200 characters in any script is accepted, without surrounding white space."""
    assert kept == NewUser(name=given).name


@pytest.mark.parametrize("given", BAD_NAMES)
def test_an_invalid_name_is_refused(given: object) -> None:
    """Empty and long names, control characters, lone surrogates and values that are no text are refused."""
    with pytest.raises(ValidationError):
        NewUser.model_validate({"name": given})


def test_unknown_fields_are_refused() -> None:
    """An unknown field is an error and is not dropped silently."""
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        NewUser.model_validate({"name": "Ada", "nmae": "Ada"})


@given(st.text(max_size=210) | st.text("a \n\x1c\x85\u2028\u200b", max_size=210))
def test_the_schema_matches_the_model(name: str) -> None:
    """The pattern in OpenAPI accepts exactly the names that the model accepts."""
    documented = NewUser.model_json_schema()["properties"]["name"]["pattern"]
    assert accepts(name) == (re.search(documented, name) is not None)


def accepts(name: str) -> bool:
    """Return whether the model accepts a name."""
    try:
        NewUser(name=name)
    except ValidationError:
        return False
    return True
