"""The one thread of the telemetry: it sends what the sources have, when it is due."""

from __future__ import annotations

from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING

from spanloom.core.context import attach, suppressed
from spanloom.core.forks import after_fork
from spanloom.core.reports import report_dropped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanloom.core.export.outbox import Outbox
    from spanloom.core.spans.remote_sampling import StrategyPoller

    Task = Outbox | StrategyPoller

MAX_WAIT_SECONDS = 60.0


class Exporter:
    """Sends from its outboxes in a thread, which starts when there is something to send in this process."""

    def __init__(self) -> None:
        self._outboxes: list[Task] = []
        self._begin()
        after_fork(self._after_fork)

    def add(self, outboxes: Sequence[Task]) -> None:
        """Send from these, too."""
        self._outboxes += outboxes

    def _begin(self) -> None:
        self._wakes, self._flushes = Event(), []  # type: tuple[Event, list[Event]]
        self._thread: Thread | None = None
        self._is_stopping = False

    def _after_fork(self) -> None:
        for outbox in self._outboxes:
            outbox.clear()
        self._begin()

    def start(self) -> None:
        """Start the thread, unless it runs already."""
        if self._thread is None:
            self._thread = Thread(target=self._work, name="spanloom-export", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread; what still waits is not sent. It starts again when something else is to be sent."""
        thread = self._thread
        if thread is not None:
            self._is_stopping = True
            self._wakes.set()
            thread.join(MAX_WAIT_SECONDS)
            self._begin()

    def wake(self) -> None:
        """Have the thread look at the outboxes now."""
        if not self._wakes.is_set():
            self._wakes.set()

    def flush(self, seconds: float) -> bool:
        """Send everything that waits; False when that was not possible in time."""
        if self._thread is None and all(outbox.is_empty() for outbox in self._outboxes):
            return True
        done = Event()
        for outbox in self._outboxes:
            outbox.is_flushing = True
        try:
            self.start()
        except RuntimeError:  # at exit it is too late for a new thread
            return self._flush_here(seconds)
        self._flushes.append(done)
        self.wake()
        return done.wait(seconds)

    def _flush_here(self, seconds: float) -> bool:
        ends_at = monotonic() + seconds
        while (now := monotonic()) < ends_at and self._is_flushing():
            next_at = self._step(now)
            Event().wait(max(0.0, min(next_at, ends_at) - monotonic()) if self._is_flushing() else 0)
        return not self._is_flushing()

    def _is_flushing(self) -> bool:
        return any(outbox.is_flushing for outbox in self._outboxes)

    def _work(self) -> None:
        attach(suppressed({}))  # no telemetry of our own requests
        wakes, flushes = self._wakes, self._flushes
        while not self._is_stopping:
            next_at = self._step(monotonic())
            while flushes and not self._is_flushing():
                flushes.pop().set()
            if wakes.wait(min(MAX_WAIT_SECONDS, max(0.0, next_at - monotonic()))):
                wakes.clear()

    def _step(self, now: float) -> float:
        """Do one step of every outbox; return when the next one is due."""
        return min((self._step_of(outbox, now) for outbox in self._outboxes), default=now + MAX_WAIT_SECONDS)

    @staticmethod
    def _step_of(outbox: Task, now: float) -> float:
        try:
            return outbox.step(now)
        except Exception as error:
            report_dropped("a batch", error)
            outbox.is_flushing = False
            return now + 1.0
