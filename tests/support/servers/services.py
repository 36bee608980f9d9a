"""Both services in the test's own process, with settings of the test."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from support.http_client import Client
from support.servers.asgi import serve

import users_api.app
import users_api.settings
import users_db.app
import users_db.settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    import aiohttp


def users_api_settings(url: str, deadline_seconds: float = 60) -> users_api.settings.Settings:
    """Return the settings of users-api for this users-db-service."""
    environ = {"USERS_API_USERS_DB_URL": url, "USERS_API_DEADLINE_SECONDS": str(deadline_seconds)}
    return users_api.settings.Settings.from_environ(environ)


def users_db_settings(url: str, **more: float) -> users_db.settings.Settings:
    """Return the settings of users-db-service for this database; `more` are settings without prefix."""
    settings = {f"USERS_DB_{key.upper()}": str(value) for key, value in more.items()}
    return users_db.settings.Settings.from_environ({"USERS_DB_DATABASE_URL": url, **settings})


@contextmanager
def running_users_api(http: aiohttp.ClientSession, url: str, deadline_seconds: float = 60) -> Iterator[Client]:
    """Run users-api connected to the users-db-service at `url`."""
    with serve(users_api.app.create_app(users_api_settings(url, deadline_seconds))) as own:
        yield Client(http, own)


@contextmanager
def running_users_db(http: aiohttp.ClientSession, url: str, **more: float) -> Iterator[Client]:
    """Run users-db-service with the database at `url`."""
    with serve(users_db.app.create_app(users_db_settings(url, **more))) as own:
        yield Client(http, own)
