"""Keys to reconcile: each once at a time, by a few workers, some of them later and after all others."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

K = TypeVar("K")


NOW, DELAYED = range(2)


class WorkQueue(Generic[K]):
    """A queue that contains a key once; a key added while it is worked on comes again afterwards.

    Delayed keys give way to those that have just changed: many changes at once all get their first attempt first.
    """

    def __init__(self) -> None:
        self._ready: asyncio.PriorityQueue[tuple[int, int, K]] = asyncio.PriorityQueue()
        self._number = count()  # those of one urgency come in their order
        self._waiting: dict[K, int] = {}
        self._busy: set[K] = set()
        self._again: set[K] = set()
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self.idle = asyncio.Event()
        self.idle.set()

    def add(self, key: K, urgency: int = NOW) -> None:
        """Reconcile `key` soon."""
        if key in self._busy:
            self._again.add(key)
        elif urgency < self._waiting.get(key, DELAYED + 1):
            self._waiting[key] = urgency
            self._ready.put_nowait((urgency, next(self._number), key))
            self.idle.clear()

    def add_all(self, keys: Iterable[K]) -> None:
        """Reconcile these keys soon."""
        for key in sorted(keys):  # type: ignore[type-var]
            self.add(key)

    def add_later(self, key: K, seconds: float) -> None:
        """Reconcile `key` in so many seconds, instead of at any other time in the future."""
        self.cancel(key)
        self._timers[key] = asyncio.get_running_loop().call_later(seconds, self._due, key)

    def cancel(self, key: K) -> None:
        """Forget that `key` was to be reconciled in the future."""
        if timer := self._timers.pop(key, None):
            timer.cancel()

    async def wait_until_idle(self, seconds: float) -> None:
        """Wait until nothing is waiting or worked on, at most so many seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.idle.wait(), seconds)

    async def work(self, handle: Callable[[K], Awaitable[None]]) -> None:
        """Handle keys for ever; run as many of these as there shall be workers."""
        while True:
            await self.step(handle)

    async def step(self, handle: Callable[[K], Awaitable[None]]) -> None:
        """Handle the next key."""
        urgency, _, key = await self._ready.get()
        if self._waiting.get(key) != urgency:
            return  # it became more urgent, and has been handled
        del self._waiting[key]
        self._busy.add(key)
        try:
            await handle(key)
        finally:
            self._busy.discard(key)
            if key in self._again:
                self._again.discard(key)
                self.add(key)
            if not self._waiting and not self._busy:
                self.idle.set()

    def _due(self, key: K) -> None:
        self._timers.pop(key, None)
        self.add(key, DELAYED)
