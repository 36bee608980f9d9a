"""What the exporter sends: batches of spans, batches of log records, and the state of the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanloom.core.export.outbox import Request
from spanloom.core.reports import report_once

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spanloom.core.export.queue import Queue


class BatchSource:
    """Batches of a queue, at least every `delay` seconds; `encode` makes the body of a request."""

    def __init__(self, queue: Queue, delay: float, encode: Callable[[Sequence[Any]], bytes], what: str) -> None:
        self._queue, self._delay, self._encode, self._what = queue, delay, encode, what
        self._next_at: float | None = None

    def due(self, now: float) -> float:
        """Return when the next batch should leave: now if it is complete."""
        if self._next_at is None:
            self._next_at = now + self._delay
        return now if self._queue.has_batch else self._next_at

    def take(self, now: float) -> Request | None:
        """Return the next batch."""
        self._next_at = now + self._delay
        if self._queue.dropped:
            report_once(f"{self._what} are dropped: the queue of {self._queue.size} is full")
        items = self._queue.take()
        return Request(self._encode(items), f"{len(items)} {self._what}") if items else None

    def is_empty(self) -> bool:
        """Return whether nothing waits."""
        return not len(self._queue)

    def clear(self) -> None:
        """Forget everything."""
        self._queue.clear()
        self._next_at = None


class MetricSource:
    """The state of the metrics every `interval` seconds, and when asked for if anything was measured since.

    `collect` makes the body of a request; `version` changes with every measurement.
    """

    def __init__(self, interval: float, collect: Callable[[], bytes], version: Callable[[], int]) -> None:
        self._interval, self._collect, self._version = interval, collect, version
        self._next_at: float | None = None
        self._sent = 0

    def due(self, now: float) -> float:
        """Return when the metrics should leave."""
        if self._next_at is None:
            self._next_at = now + self._interval
        return self._next_at

    def take(self, now: float) -> Request | None:
        """Return the state of the metrics."""
        version = self._version()
        if now < self.due(now) and version == self._sent:
            return None
        self._next_at, self._sent = now + self._interval, version
        body = self._collect()
        return Request(body, "metrics") if body else None

    def is_empty(self) -> bool:
        """Return whether nothing was measured since the last request."""
        return self._version() == self._sent

    def clear(self) -> None:
        """Start a new aggregation."""
        self._next_at, self._sent = None, 0
