"""Bounded queues of what waits for its export."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Queue:
    """Keeps at most `size` items; more are dropped and counted.

    `on_first` is called when an item enters the empty queue, `on_batch` when a whole batch waits.
    """

    def __init__(self, size: int, batch: int, on_first: Callable[[], None], on_batch: Callable[[], None]) -> None:
        self._items: deque[Any] = deque()
        self.size, self.batch = size, min(batch, size)
        self._on_first, self._on_batch = on_first, on_batch
        self.dropped = 0

    def put(self, item: Any) -> None:
        """Append an item, or drop it when the queue is full; it never waits."""
        length = len(self._items)
        if length >= self.size:
            self.dropped += 1
            return
        self._items.append(item)
        if not length:
            self._on_first()
        elif length >= self.batch:
            self._on_batch()

    def take(self) -> list[Any]:
        """Remove and return at most one batch."""
        items = self._items
        return [items.popleft() for _ in range(min(self.batch, len(items)))]

    @property
    def has_batch(self) -> bool:
        """Whether a whole batch waits."""
        return len(self._items) >= self.batch

    def __len__(self) -> int:
        return len(self._items)

    def clear(self) -> None:
        """Forget everything: after a fork it belongs to the parent process."""
        self._items.clear()
        self.dropped = 0
