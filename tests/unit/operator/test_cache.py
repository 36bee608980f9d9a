"""The cache: what is newer replaces what is older, and how urgent each change is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from support.builders.deployments import Object, deployment

from spanloom_operator.controller.cache import Cache
from spanloom_operator.controller.work_queue import WorkQueue
from spanloom_operator.kinds import DEPLOYMENT

if TYPE_CHECKING:
    from spanloom_operator.kinds import WorkloadKey


def changed(its: Object, version: int, **metadata: object) -> Object:
    return {**its, "metadata": {**its["metadata"], "resourceVersion": str(version), **metadata}}


def order(*changes: Object) -> list[str]:
    """Return the names of Deployments in the order in which they are reconciled."""
    queue: WorkQueue[WorkloadKey] = WorkQueue()
    cache, handled = Cache("home", queue), list[str]()

    async def handle(key: WorkloadKey) -> None:
        handled.append(key[1])

    async def work() -> None:
        for name in ("a", "b"):
            cache.workload_changed(DEPLOYMENT, "LISTED", deployment(name=name))
        for _ in range(2):
            await queue.step(handle)
        for its in changes:
            cache.workload_changed(DEPLOYMENT, "MODIFIED", its)
        while not queue.idle.is_set():
            await queue.step(handle)

    asyncio.run(work())
    return handled[2:]


A, B = deployment(name="a"), deployment(name="b")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (changed(A, 2), changed(B, 3, generation=2), ["b", "a"]),
        (changed(A, 2), changed(B, 3, labels={"x": "y"}), ["b", "a"]),
        (changed(A, 2, generation=2), changed(B, 3, generation=2), ["a", "b"]),
        (changed(A, 1, generation=2), changed(B, 3), ["b"]),
    ],
    ids=["spec before status", "label before status", "in their order", "an old version is none"],
)
def test_what_users_change_comes_first(first: Object, second: Object, expected: list[str]) -> None:
    """A change of the status alone gives way to changes of spec and labels."""
    assert expected == order(first, second)
