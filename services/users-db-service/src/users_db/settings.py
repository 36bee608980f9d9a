"""Settings of users-db-service, from USERS_DB_* variables."""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, SecretStr
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from spanloom.settings import SettingsError
from spanloom.web.service_settings import Seconds, ServiceSettings

PASSWORD_FILE = "USERS_DB_DATABASE_PASSWORD_FILE"  # noqa: S105 the name of a variable


def _postgresql(url: SecretStr) -> SecretStr:
    try:
        driver = make_url(url.get_secret_value()).drivername
    except (ArgumentError, ValueError):
        driver = ""
    if driver != "postgresql":
        raise ValueError("expected postgresql://user@host:port/database")
    return url


class Settings(ServiceSettings):
    """One field for each USERS_DB_* variable; times are in seconds."""

    prefix: ClassVar[str] = "USERS_DB_"
    secret: ClassVar[frozenset[str]] = frozenset({"database_url"})  # it may hold a password

    database_url: Annotated[SecretStr, AfterValidator(_postgresql)]
    """Address of the database: `postgresql://user@host:port/database`."""
    database_password_file: Path | None = None
    """File with the password, if the URL has none."""
    pool_size: Annotated[int, Field(ge=1, le=1000)] = 10
    """Connections of the pool."""
    pool_timeout_seconds: Seconds = 1.0
    """Time to wait for a connection of the pool."""
    # psycopg rounds anything below 2 s up to 2 s; `deadline_seconds` ends a request's wait before that.
    connect_timeout_seconds: Annotated[int, Field(ge=2, le=3600)] = 2
    """Time to connect to the database."""
    statement_timeout_seconds: Seconds = 1.0
    """Time for a statement, enforced by the server."""
    deadline_seconds: Seconds = 1.25
    """Time for all that a request does in the database."""
    migrate_timeout_seconds: Seconds = 60.0
    """Time that a migration waits for the database and for another migration."""

    def url(self) -> URL:
        """Return the database's URL for SQLAlchemy, with the password from its file; SettingsError if unreadable."""
        url = make_url(self.database_url.get_secret_value()).set(drivername="postgresql+psycopg")
        if self.database_password_file is None:
            return url
        if url.password:
            expected = "none, as USERS_DB_DATABASE_URL has a password"
            raise SettingsError(PASSWORD_FILE, str(self.database_password_file), expected)
        return url.set(password=_secret(self.database_password_file))


def _secret(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(PASSWORD_FILE, str(path), f"a readable file ({type(error).__name__})") from None
