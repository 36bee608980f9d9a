"""Fixtures of the integration tests: PostgreSQL, both services, a browser."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import aiohttp
import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from support.processes.postgres import Postgres, running_postgres
from support.servers.asgi import serve
from support.servers.services import users_db_settings

import users_api.app
import users_api.settings
import users_db.app
import users_db.settings
from spanloom_local.receiver import Receiver
from users_db.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Return a PostgreSQL server for all tests."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def users_db_url(postgres: Postgres) -> Iterator[str]:
    """Return the address of a running users-db-service with its own database."""
    settings = users_db.settings.Settings.from_environ({"USERS_DB_DATABASE_URL": postgres.new_database()})
    migrate(settings)
    with serve(users_db.app.create_app(settings)) as url:
        yield url


@pytest.fixture(scope="module")
def users_api_url(users_db_url: str) -> Iterator[str]:
    """Return the address of a running users-api connected to a real users-db-service."""
    settings = users_api.settings.Settings.from_environ({"USERS_API_USERS_DB_URL": users_db_url})
    with serve(users_api.app.create_app(settings)) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return Chromium, headless; skip the test where it is not installed."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium on this machine; install it (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """Return an HTTP client."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def database_url(postgres: Postgres) -> str:
    """Return the URL of a migrated database of the test."""
    url = postgres.new_database()
    migrate(users_db_settings(url))
    return url


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def page(browser: Browser, receiver: Receiver) -> Iterator[Page]:
    """Return a page; fail the test if it reported an error or requested anything but the receiver."""
    tab = browser.new_page(viewport={"width": 1280, "height": 800})
    wrong: list[str] = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on(
        "request",
        lambda request: None if request.url.startswith((receiver.url, "data:")) else wrong.append(request.url),
    )
    yield tab
    tab.close()
    assert [] == wrong
