"""What may be the name of a user, at users-api."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from support.names import BAD_NAMES, GOOD_NAMES

from users_api.models import NewUser


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
