"""Settings of users-api from USERS_API_* variables."""

from typing import Annotated, ClassVar

from pydantic import AnyHttpUrl, Field

from spanloom.web.service_settings import Seconds, ServiceSettings


class Settings(ServiceSettings):
    """One field per USERS_API_* variable; durations are in seconds."""

    prefix: ClassVar[str] = "USERS_API_"
    secret: ClassVar[frozenset[str]] = frozenset({"users_db_url"})  # may contain a password

    users_db_url: AnyHttpUrl
    """URL of users-db-service."""
    connect_timeout_seconds: Seconds = 1.0
    """Timeout of a connection to users-db-service."""
    deadline_seconds: Seconds = 3.0
    """Deadline for the response of users-db-service, all attempts included."""
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    """Maximum number of attempts of an idempotent request."""
