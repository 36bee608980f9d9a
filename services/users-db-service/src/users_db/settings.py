"""Settings of users-db-service, from USERS_DB_* variables."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "USERS_DB_"
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class SettingsError(ValueError):
    """What is wrong with the settings, in one line for the person who set them."""


def _postgresql(url: SecretStr) -> SecretStr:
    try:
        driver = make_url(url.get_secret_value()).drivername
    except (ArgumentError, ValueError):
        driver = ""
    if driver != "postgresql":
        raise ValueError("expected postgresql://user@host:port/database")
    return url


class Settings(BaseModel):
    """What users-db-service can be told; times are in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: Annotated[SecretStr, AfterValidator(_postgresql)]
    database_password_file: Path | None = None
    pool_size: Annotated[int, Field(ge=1, le=1000)] = 10
    pool_timeout_seconds: Seconds = 1.0
    # psycopg rounds anything below 2 s up to 2 s; `deadline_seconds` ends a request's wait before that.
    connect_timeout_seconds: Annotated[int, Field(ge=2, le=3600)] = 2
    statement_timeout_seconds: Seconds = 1.0
    deadline_seconds: Seconds = 1.25
    migrate_timeout_seconds: Seconds = 60.0

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Return the settings that the USERS_DB_* entries of `environ` make; SettingsError names what is wrong."""
        given = {key.removeprefix(PREFIX).lower(): value for key, value in environ.items() if key.startswith(PREFIX)}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise SettingsError(_explain(error.errors()[0], given, list(cls.model_fields))) from None

    def url(self) -> URL:
        """Return the database's URL for SQLAlchemy, with the password from its file; SettingsError if unreadable."""
        url = make_url(self.database_url.get_secret_value()).set(drivername="postgresql+psycopg")
        if self.database_password_file is None:
            return url
        if url.password:
            raise SettingsError(f"{PREFIX}DATABASE_PASSWORD_FILE: {PREFIX}DATABASE_URL has a password already")
        return url.set(password=_secret(self.database_password_file))


def _secret(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{PREFIX}DATABASE_PASSWORD_FILE={path}: cannot be read ({type(error).__name__})") from None


def _explain(error: Mapping[str, Any], given: Mapping[str, str], known: list[str]) -> str:
    field = str(error["loc"][0])
    key = PREFIX + field.upper()
    if error["type"] == "extra_forbidden":
        nearest = get_close_matches(field, known, n=1, cutoff=0)[0]
        return f"{key} is not a setting; the nearest is {PREFIX}{nearest.upper()}"
    # A URL may hold a password.
    value = "" if field not in given or field == "database_url" else f"={given[field]}"
    return f"{key}{value}: {str(error['msg']).removeprefix('Value error, ')}"
