"""Settings of users-api, from USERS_API_* variables."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Self

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Field, ValidationError

PREFIX = "USERS_API_"
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class SettingsError(ValueError):
    """What is wrong with the settings, in one line for the person who set them."""


class Settings(BaseModel):
    """What users-api can be told; times are in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    users_db_url: AnyHttpUrl
    connect_timeout_seconds: Seconds = 1.0
    deadline_seconds: Seconds = 3.0
    attempts: Annotated[int, Field(ge=1, le=10)] = 3

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Return the settings that the USERS_API_* entries of `environ` make; SettingsError names what is wrong."""
        given = {key.removeprefix(PREFIX).lower(): value for key, value in environ.items() if key.startswith(PREFIX)}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise SettingsError(_explain(error.errors()[0], given, list(cls.model_fields))) from None


def _explain(error: Mapping[str, Any], given: Mapping[str, str], known: list[str]) -> str:
    field = str(error["loc"][0])
    key = PREFIX + field.upper()
    if error["type"] == "extra_forbidden":
        nearest = get_close_matches(field, known, n=1, cutoff=0)[0]
        return f"{key} is not a setting; the nearest is {PREFIX}{nearest.upper()}"
    # A URL may hold a password.
    value = "" if field not in given or field.endswith("_url") else f"={given[field]}"
    return f"{key}{value}: {error['msg']}"
