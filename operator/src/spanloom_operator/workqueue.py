"""Keys to look at: each once at a time, by a few workers, some of them later and after all others."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

K = TypeVar("K")


NOW, PUT_OFF = range(2)


class WorkQueue(Generic[K]):
    """A queue that holds a key once; a key added while it is worked on comes again afterwards.

    What was put off gives way to what has just happened: many changes at once all get their first look first.
    """

    def __init__(self) -> None:
        self._ready: asyncio.PriorityQueue[tuple[int, int, K]] = asyncio.PriorityQueue()
        self._number = count()  # those of one urgency come in their order
        self._waiting: dict[K, int] = {}
        self._busy: set[K] = set()
        self._again: set[K] = set()
        self._later: dict[K, asyncio.TimerHandle] = {}
        self.idle = asyncio.Event()
        self.idle.set()

    def add(self, key: K, urgency: int = NOW) -> None:
        """Have `key` looked at soon."""
        if key in self._busy:
            self._again.add(key)
        elif urgency < self._waiting.get(key, PUT_OFF + 1):
            self._waiting[key] = urgency
            self._ready.put_nowait((urgency, next(self._number), key))
            self.idle.clear()

    def add_later(self, key: K, seconds: float) -> None:
        """Have `key` looked at in so many seconds, instead of any other time in the future."""
        self.not_later(key)
        self._later[key] = asyncio.get_running_loop().call_later(seconds, self._due, key)

    def not_later(self, key: K) -> None:
        """Forget that `key` was to be looked at in the future."""
        if timer := self._later.pop(key, None):
            timer.cancel()

    async def work(self, handle: Callable[[K], Awaitable[None]]) -> None:
        """Look at keys for ever; run as many of these as there shall be workers."""
        while True:
            await self.step(handle)

    async def step(self, handle: Callable[[K], Awaitable[None]]) -> None:
        """Look at the next key."""
        urgency, _, key = await self._ready.get()
        if self._waiting.get(key) != urgency:
            return  # it became more urgent, and has been looked at
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
        self._later.pop(key, None)
        self.add(key, PUT_OFF)
