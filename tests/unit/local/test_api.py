"""The JSON API of the page, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from starlette.applications import Starlette
from support.http_client import Client
from support.servers.asgi import serve

from spanloom_local.api import routes
from spanloom_local.log_lines import LogLine
from spanloom_local.store import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LINE = LogLine(1, "INFO", "users-api", "shop", "sold", "", "", {})


class ReadStore(Store):
    """A store in which a log line arrives while its traces are read."""

    def traces(self) -> dict[str, Any]:
        found = super().traces()
        self.add_lines([LINE])
        return found


@pytest.fixture
def store() -> Store:
    return ReadStore()


@pytest.fixture
async def client(store: Store) -> AsyncIterator[Client]:
    with serve(Starlette(routes=routes(store))) as url:
        async with aiohttp.ClientSession() as session:
            yield Client(session, url)


async def status_of(client: Client, path: str, known: str) -> int:
    """Return the status of a request that names the version that the client has."""
    return (await client("GET", path, headers={"If-None-Match": known})).status


async def test_what_has_not_changed_is_not_sent_again(client: Client, store: Store) -> None:
    """A client that names the version it has gets 304, until something arrives."""
    known = (await client("GET", "/api/logs")).headers["ETag"]
    before = await status_of(client, "/api/logs", known)
    store.add_lines([LINE])
    assert (304, 200) == (before, await status_of(client, "/api/logs", known))


async def test_what_arrives_during_a_response_is_sent_with_the_next(client: Client) -> None:
    """The version of a response is not newer than its content."""
    known = (await client("GET", "/api/traces")).headers["ETag"]
    assert 200 == await status_of(client, "/api/traces", known)
