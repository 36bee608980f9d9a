"""Watches: list, go on, begin again when the server says so, and be seen when they fall silent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import kopf
import pytest
from support.builders.deployments import Object, deployment, profile
from support.servers.api_double import ApiDouble

from spanloom_operator import handlers, watch
from spanloom_operator.api import ApiError
from spanloom_operator.decide import LABEL
from spanloom_operator.run import Operator
from spanloom_operator.settings import Settings
from spanloom_operator.watch import Source

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def change(kind: str, version: int) -> Object:
    return {"type": kind, "object": {"metadata": {"name": "shop", "resourceVersion": str(version)}}}


class Script(ApiDouble):
    """An API server whose watches say what is written here, one after another; an error ends one."""

    def __init__(self, *watches: list[Object | ApiError]) -> None:
        super().__init__()
        self.watches, self.asked = iter(watches), list[str]()

    async def watch(self, path: str, selector: str, version: str) -> AsyncIterator[Object]:
        self.asked.append(version)
        for event in next(self.watches):
            if isinstance(event, ApiError):
                raise event
            yield event


async def first(source: Source, count: int) -> list[Any]:
    found: list[Any] = []
    async for kind, _ in source.changes():
        found.append(kind)
        if len(found) == count:
            break
    return found


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry at once."""
    monkeypatch.setattr(watch, "FIRST_WAIT", 0.0)
    monkeypatch.setattr(watch, "LONGEST_WAIT", 0.0)


def test_ended_watch_goes_on_where_it_was() -> None:
    """The server ends watches all the time; the next begins at the last version, bookmarks included."""
    api = Script([change("ADDED", 5), change("BOOKMARK", 9)], [change("MODIFIED", 10)])
    assert ["PAGE", "LISTED", "ADDED", "MODIFIED"] == asyncio.run(first(Source(api, "/x"), 4))
    assert ["1", "9"] == api.asked


def test_broken_connection_goes_on_where_it_was() -> None:
    """A lost connection loses no event."""
    api = Script([change("ADDED", 5), ApiError(0, "lost")], [change("MODIFIED", 6)])
    assert ["PAGE", "LISTED", "ADDED", "MODIFIED"] == asyncio.run(first(Source(api, "/x"), 4))
    assert ["1", "5"] == api.asked


def test_expired_version_begins_again_with_a_list() -> None:
    """410 Gone means that events are missing: everything is listed again."""
    api = Script([change("ADDED", 5), ApiError(410, "expired")], [change("MODIFIED", 6)])
    assert ["PAGE", "LISTED", "ADDED", "PAGE", "LISTED", "MODIFIED"] == asyncio.run(first(Source(api, "/x"), 6))


def test_a_page_is_taken_before_the_next_is_asked() -> None:
    """A long list keeps nobody waiting; only its end tells which objects are gone."""
    taken = []

    class Slow(ApiDouble):
        async def pages(self, path: str, selector: str = "", *, metadata_only: bool = False) -> AsyncIterator[Object]:
            for number in (1, 2):
                yield {"items": [number], "metadata": {"resourceVersion": "7"}}
                taken.append(f"page {number} left")

    async def listed() -> None:
        async for kind, found in Source(Slow(), "/x").changes():
            taken.append((kind, found))
            if kind == "LISTED":
                break

    asyncio.run(listed())
    assert [("PAGE", [1]), "page 1 left", ("PAGE", [2]), "page 2 left", ("LISTED", [1, 2])] == taken


def operator_at(now: float) -> Operator:
    operator = Operator(ApiDouble(), Settings(namespace="home", stale=600))
    operator.sources["x"] = Source(operator.api, "/x", clock=lambda: now)
    return operator


def test_pages_are_taken_by_who_can_use_them() -> None:
    """Deployments are looked at as soon as they are read; which namespaces have the label only a whole list tells."""
    operator = operator_at(0)
    operator._namespaces_changed("PAGE", [{"metadata": {"name": "demo", "labels": {LABEL: "true"}}}])
    operator._replicasets_changed("PAGE", [deployment()])
    operator._deployments_changed("", "PAGE", [deployment()])
    reconciler = operator.reconciler
    assert ({}, [("demo", "shop")], False) == (
        reconciler.namespaces,
        list(reconciler.deployments),
        reconciler.queue.idle.is_set(),
    )


def test_silent_watch_fails_the_probe() -> None:
    """A watch of which nothing was heard for the settings' `stale` seconds makes the liveness probe fail."""
    operator = operator_at(1000)
    assert ([], ["x"]) == (operator.silent(1600), operator.silent(1601))


def test_probe_fails_when_kopf_misses_a_profile() -> None:
    """A profile that the list showed at the last resync and kopf has still not brought means kopf's watch is dead."""
    operator = operator_at(1000)
    operator.reconciler.profile_changed("LISTED", profile(namespace="home"))
    operator._profiles_before = {("home", "default"): 1}
    assert [] == operator.silent(1000)
    operator._profiles_before = {("home", "default"): 2}
    assert ["otelprofiles"] == operator.silent(1000)


def test_probe_names_what_is_silent() -> None:
    """Kopf's probe fails with the names of the watches."""
    probed: dict[str, Any] = {"memo": kopf.Memo(operator=operator_at(-1e9))}
    with pytest.raises(kopf.PermanentError, match="silent: x"):
        handlers.watches(**probed)
