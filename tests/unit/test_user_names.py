"""Names of users, as both services accept them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from support.builders.user_names import BAD_NAMES, GOOD_NAMES

import users_api.models
import users_db.models

Model = type[users_api.models.NewUser] | type[users_db.models.NewUser]
MODELS = (users_api.models.NewUser, users_db.models.NewUser)
EACH_SERVICE = pytest.mark.parametrize("model", MODELS, ids=["users-api", "users-db-service"])


@EACH_SERVICE
@pytest.mark.parametrize(("given", "kept"), GOOD_NAMES)
def test_a_valid_name_is_trimmed(model: Model, given: str, kept: str) -> None:
    """A name of 1 to 200 characters in any script is accepted, without surrounding white space."""
    assert kept == model(name=given).name


@EACH_SERVICE
@pytest.mark.parametrize("given", BAD_NAMES)
def test_an_invalid_name_is_refused(model: Model, given: object) -> None:
    """Empty and long names, control characters, lone surrogates and values that are no text are refused."""
    with pytest.raises(ValidationError):
        model.model_validate({"name": given})


@EACH_SERVICE
def test_unknown_fields_are_refused(model: Model) -> None:
    """An unknown field is an error and is not dropped silently."""
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        model.model_validate({"name": "Ada", "nmae": "Ada"})


@EACH_SERVICE
@given(name=st.text(max_size=210) | st.text("a \n\x1c\x85\u2028\u200b", max_size=210))
def test_the_schema_matches_the_model(model: Model, name: str) -> None:
    """The pattern in OpenAPI accepts exactly the names that the model accepts."""
    documented = model.model_json_schema()["properties"]["name"]["pattern"]
    assert accepts(model, name) == (re.search(documented, name) is not None)


def accepts(model: Model, name: str) -> bool:
    """Return whether the model accepts a name."""
    try:
        model(name=name)
    except ValidationError:
        return False
    return True
