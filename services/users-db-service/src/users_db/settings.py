"""Settings of users-db-service from USERS_DB_* variables."""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, SecretStr
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from spanloom.settings import SettingsError
from spanloom.web.service_settings import Seconds, ServiceSettings

PASSWORD_FILE = "USERS_DB_DATABASE_PASSWORD_FILE"  # noqa: S105 name of a variable


def _postgresql(url: SecretStr) -> SecretStr:
    try:
        driver = make_url(url.get_secret_value()).drivername
    except (ArgumentError, ValueError):
        driver = ""
    if driver != "postgresql":
        raise ValueError("expected postgresql://user@host:port/database")
    return url


class Settings(ServiceSettings):
    """One field per USERS_DB_* variable; durations are in seconds."""

    prefix: ClassVar[str] = "USERS_DB_"
    secret: ClassVar[frozenset[str]] = frozenset({"database_url"})  # may contain a password

    database_url: Annotated[SecretStr, AfterValidator(_postgresql)]
    """URL of the database: `postgresql://user@host:port/database`."""
    database_password_file: Path | None = None
    """File with the password, if the URL contains none."""
    pool_size: Annotated[int, Field(ge=1, le=1000)] = 10
    """Maximum number of connections of the pool."""
    pool_timeout_seconds: Seconds = 1.0
    """Timeout for a connection from the pool."""
    # psycopg rounds values below 2 s up to 2 s; `deadline_seconds` applies to requests before that.
    connect_timeout_seconds: Annotated[int, Field(ge=2, le=3600)] = 2
    """Timeout of a connection to the database."""
    statement_timeout_seconds: Seconds = 1.0
    """Timeout of a statement, enforced by the server."""
    deadline_seconds: Seconds = 1.25
    """Deadline for all database operations of a request."""
    migrate_timeout_seconds: Seconds = 60.0
    """Maximum time that a migration waits for the database and for another migration."""

    def url(self) -> URL:
        """Return the database URL for SQLAlchemy, with the password from its file; SettingsError if unreadable."""
        url = make_url(self.database_url.get_secret_value()).set(drivername="postgresql+psycopg")
        if self.database_password_file is None:
            return url
        if url.password:
            expected = "none, as USERS_DB_DATABASE_URL has a password"
            raise SettingsError(PASSWORD_FILE, str(self.database_password_file), expected)
        return url.set(password=_read_secret(self.database_password_file))


def _read_secret(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(PASSWORD_FILE, str(path), f"a readable file ({type(error).__name__})") from None
