"""The queue: each key once, what was put off after all others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from spanloom_operator.workqueue import WorkQueue

if TYPE_CHECKING:
    from collections.abc import Iterable


def worked_on(due: Iterable[str], happened: Iterable[str], dropped: Iterable[str] = ()) -> str:
    """Return the keys in the order they are worked on: first some become `due`, then something happens to others."""
    worked: list[str] = []

    async def handle(key: str) -> None:
        worked.append(key)

    async def all_of_them() -> None:
        queue: WorkQueue[str] = WorkQueue()
        for key in due:
            queue.add_later(key, 0)
        for key in dropped:
            queue.not_later(key)
        passed = asyncio.Event()
        asyncio.get_running_loop().call_later(0, passed.set)  # after all timers of 0 s
        await passed.wait()
        for key in happened:
            queue.add(key)
        while not queue.idle.is_set():
            await queue.step(handle)

    asyncio.run(all_of_them())
    return "".join(worked)


@pytest.mark.parametrize(
    ("due", "happened", "dropped", "expected"),
    [
        ("", "abab", "", "ab"),
        ("xy", "ab", "", "abxy"),
        ("yx", "ay", "", "ayx"),
        ("xyx", "", "", "yx"),
        ("xy", "a", "x", "ay"),
    ],
    ids=["once", "put off gives way", "put off becomes urgent", "the newest time counts", "no longer wanted"],
)
def test_order(due: str, happened: str, dropped: str, expected: str) -> None:
    """Each key once, in the order in which something happened to them; then those that were put off, in theirs."""
    assert expected == worked_on(due, happened, dropped)
