"""Watches: list, continue, and list again when the server says so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from support.servers.api_double import ApiDouble

from spanloom_operator.kube import list_watch
from spanloom_operator.kube.api import ApiError
from spanloom_operator.kube.list_watch import ListWatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.builders.deployments import Object


def change(kind: str, version: int) -> Object:
    return {"type": kind, "object": {"metadata": {"name": "shop", "resourceVersion": str(version)}}}


class Script(ApiDouble):
    """An API server whose watches say what is written here, one after another; an error ends one."""

    def __init__(self, *watches: list[Object | ApiError]) -> None:
        super().__init__()
        self.watches, self.versions = iter(watches), list[str]()

    async def watch(self, path: str, selector: str, version: str, **_: object) -> AsyncIterator[Object]:
        self.versions.append(version)
        for event in next(self.watches):
            if isinstance(event, ApiError):
                raise event
            yield event


async def first(watched: ListWatch, count: int) -> list[Any]:
    found: list[Any] = []
    async for kind, _ in watched.changes():
        found.append(kind)
        if len(found) == count:
            break
    return found


@pytest.fixture(autouse=True)
def without_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry at once."""
    monkeypatch.setattr(list_watch, "FIRST_BACKOFF_SECONDS", 0.0)
    monkeypatch.setattr(list_watch, "MAX_BACKOFF_SECONDS", 0.0)


def test_ended_watch_continues_where_it_was() -> None:
    """The server ends watches all the time; the next begins at the last version, bookmarks included."""
    api = Script([change("ADDED", 5), change("BOOKMARK", 9)], [change("MODIFIED", 10)])
    assert ["PAGE", "LISTED", "ADDED", "MODIFIED"] == asyncio.run(first(ListWatch(api, "/x"), 4))
    assert ["1", "9"] == api.versions


def test_broken_connection_continues_where_it_was() -> None:
    """A lost connection loses no event."""
    api = Script([change("ADDED", 5), ApiError(0, "lost")], [change("MODIFIED", 6)])
    assert ["PAGE", "LISTED", "ADDED", "MODIFIED"] == asyncio.run(first(ListWatch(api, "/x"), 4))
    assert ["1", "5"] == api.versions


def test_expired_version_begins_again_with_a_list() -> None:
    """410 Gone means that events are missing: everything is listed again."""
    api = Script([change("ADDED", 5), ApiError(410, "expired")], [change("MODIFIED", 6)])
    assert ["PAGE", "LISTED", "ADDED", "PAGE", "LISTED", "MODIFIED"] == asyncio.run(first(ListWatch(api, "/x"), 6))


def test_a_page_is_handled_before_the_next_is_requested() -> None:
    """A long list delays no object; only its end shows which objects are deleted."""
    handled = []

    class Slow(ApiDouble):
        async def pages(
            self, path: str, selector: str = "", *, field_selector: str = "", metadata_only: bool = False
        ) -> AsyncIterator[Object]:
            for number in (1, 2):
                yield {"items": [number], "metadata": {"resourceVersion": "7"}}
                handled.append(f"page {number} left")

    async def listed() -> None:
        async for kind, found in ListWatch(Slow(), "/x").changes():
            handled.append((kind, found))
            if kind == "LISTED":
                break

    asyncio.run(listed())
    assert [("PAGE", [1]), "page 1 left", ("PAGE", [2]), "page 2 left", ("LISTED", [1, 2])] == handled
