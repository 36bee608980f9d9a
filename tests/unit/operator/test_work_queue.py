"""The queue: each key once, delayed ones after all others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from spanloom_operator.controller.work_queue import WorkQueue

if TYPE_CHECKING:
    from collections.abc import Iterable


def handled(due: Iterable[str], changed: Iterable[str], cancelled: Iterable[str] = ()) -> str:
    """Return the keys in the order they are handled: first some become `due`, then others change."""
    order: list[str] = []

    async def handle(key: str) -> None:
        order.append(key)

    async def all_of_them() -> None:
        queue: WorkQueue[str] = WorkQueue()
        for key in due:
            queue.add_later(key, 0)
        for key in cancelled:
            queue.cancel(key)
        passed = asyncio.Event()
        asyncio.get_running_loop().call_later(0, passed.set)  # after all timers of 0 s
        await passed.wait()
        for key in changed:
            queue.add(key)
        while not queue.idle.is_set():
            await queue.step(handle)

    asyncio.run(all_of_them())
    return "".join(order)


@pytest.mark.parametrize(
    ("due", "changed", "cancelled", "expected"),
    [
        ("", "abab", "", "ab"),
        ("xy", "ab", "", "abxy"),
        ("yx", "ay", "", "ayx"),
        ("xyx", "", "", "yx"),
        ("xy", "a", "x", "ay"),
    ],
    ids=["once", "delayed gives way", "delayed becomes urgent", "the newest time counts", "cancelled"],
)
def test_order(due: str, changed: str, cancelled: str, expected: str) -> None:
    """Each key once, in the order of the changes; then the delayed ones, in theirs."""
    assert expected == handled(due, changed, cancelled)
