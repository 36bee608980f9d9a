"""What may be the name of a user, at users-db-service."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from support.builders.user_names import BAD_NAMES, GOOD_NAMES

from users_db.models import NewUser


@pytest.mark.parametrize(("given", "kept"), GOOD_NAMES)
def test_a_good_name_is_kept_trimmed(given: str, kept: str) -> None:
    """A name of 1 to 200 characters is taken in any script, without the space around it."""
    assert kept == NewUser(name=given).name


@pytest.mark.parametrize("given", BAD_NAMES)
def test_a_bad_name_is_refused(given: object) -> None:
    """Empty, long, controlling, broken and non-text names are refused."""
    with pytest.raises(ValidationError):
        NewUser.model_validate({"name": given})


def test_unknown_fields_are_refused() -> None:
    """A field nobody knows is an error, not silently dropped."""
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        NewUser.model_validate({"name": "Ada", "nmae": "Ada"})


@given(st.text(max_size=210) | st.text("a \n\x1c\x85\u2028\u200b", max_size=210))
def test_the_document_says_what_the_model_does(name: str) -> None:
    """The pattern in OpenAPI takes exactly the names that the model takes."""
    documented = NewUser.model_json_schema()["properties"]["name"]["pattern"]
    assert taken(name) == (re.search(documented, name) is not None)


def taken(name: str) -> bool:
    """Tell whether the model takes a name."""
    try:
        NewUser(name=name)
    except ValidationError:
        return False
    return True
