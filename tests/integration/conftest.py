"""Real parts for integration tests: PostgreSQL and both services."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest
from support.postgres import Postgres
from support.servers import serve

from users_db.app import create_app
from users_db.migrate import migrate
from users_db.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """Return a PostgreSQL server for all tests."""
    server = Postgres(tmp_path_factory.mktemp("postgres"))
    yield server
    server.server.cleanup()


@pytest.fixture(scope="module")
def users_db_settings(postgres: Postgres) -> Settings:
    """Return settings for a migrated database of its own."""
    settings = Settings.model_validate({"database_url": postgres.new_database(), "pool_size": 2})
    migrate(settings)
    return settings


@pytest.fixture(scope="module")
def users_db_url(users_db_settings: Settings) -> Iterator[str]:
    """Return the address of a running users-db-service."""
    with serve(create_app(users_db_settings)) as url:
        yield url


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """Return an HTTP client."""
    async with aiohttp.ClientSession() as session:
        yield session
