"""Settings of users-api, from USERS_API_* variables."""

from typing import Annotated, ClassVar

from pydantic import AnyHttpUrl, Field

from spanloom.web.service_settings import Seconds, ServiceSettings


class Settings(ServiceSettings):
    """One field for each USERS_API_* variable; times are in seconds."""

    prefix: ClassVar[str] = "USERS_API_"
    secret: ClassVar[frozenset[str]] = frozenset({"users_db_url"})  # it may hold a password

    users_db_url: AnyHttpUrl
    """Address of users-db-service."""
    connect_timeout_seconds: Seconds = 1.0
    """Time to connect to users-db-service."""
    deadline_seconds: Seconds = 3.0
    """Time for the response of users-db-service, all attempts included."""
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    """Attempts of an idempotent request."""
