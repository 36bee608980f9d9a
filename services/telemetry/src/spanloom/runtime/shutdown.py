"""Final flush of a process: queued telemetry is sent before exit, within a timeout.

uvicorn re-raises the signal that it received, and a process without a handler ends at SIGTERM, so `atexit` does not
run. The flush runs at the end of an ASGI lifespan, at SIGTERM without another handler, in forked workers of
multiprocessing and Celery, which end with `os._exit`, and at exit; the first of these flushes.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
from functools import partial
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from spanloom.core.guard import Guard
from spanloom.core.imports import when_imported
from spanloom.core.reports import report

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

REPORT_AFTER_SECONDS = 2.0  # of waiting, with one line on standard error
THREADS_SECONDS = 0.1  # for threads that have sent a response and have not ended its span yet


class Shutdown:
    """Flushes for at most `timeout_seconds`.

    `flushes` are functions that get the seconds they have, and return True if everything is sent.
    """

    def __init__(self, timeout_seconds: float, endpoint: str) -> None:
        self.timeout_seconds, self.endpoint = timeout_seconds, endpoint
        self.flushes: list[Callable[[float], bool]] = []
        self._timed_out_at = -float("inf")
        self._guard = Guard("final flush")

    def install(self) -> None:
        """Register the flush at exit, at SIGTERM, and at the end of forked workers."""
        atexit.register(self._guard.run, self.flush)
        when_imported("multiprocessing.util", partial(self._guard.run, self._flush_forked_workers))
        when_imported("celery.signals", partial(self._guard.run, self._flush_celery_workers))
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._terminate)

    def flush(self) -> bool:
        """Flush everything; False if the timeout expired."""
        if monotonic() - self._timed_out_at < self.timeout_seconds:
            return False  # the timeout of this exit has already expired
        if self._flush_within(min(REPORT_AFTER_SECONDS, self.timeout_seconds)):
            return True
        rest = self.timeout_seconds - REPORT_AFTER_SECONDS
        report(f"OTLP endpoint {self.endpoint} is not reachable; waiting up to {self.timeout_seconds:g} s before exit")
        if rest > 0 and self._flush_within(rest):
            return True
        self._timed_out_at = monotonic()
        report(f"telemetry could not be sent within {self.timeout_seconds:g} s; the queued telemetry is dropped")
        return False

    def _flush_within(self, seconds: float) -> bool:
        ends_at = monotonic() + seconds
        sent = [flush(max(0.0, ends_at - monotonic())) for flush in self.flushes]
        return all(sent)

    def _terminate(self, number: int, _frame: FrameType | None) -> None:
        """Flush, then end the process with the signal's default action."""
        if threading.active_count() > 1:
            sleep(THREADS_SECONDS)
        self._guard.run(self.flush)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def _flush_forked_workers(self, util: Any) -> None:
        from multiprocessing import parent_process  # noqa: PLC0415 it has just been imported

        def finalize(owner: Shutdown) -> None:
            util.Finalize(None, owner.flush, exitpriority=0)

        util.register_after_fork(self, finalize)
        if parent_process() is not None:  # the library was imported in the worker
            finalize(self)

    def _flush_celery_workers(self, signals: Any) -> None:
        signals.worker_process_shutdown.connect(lambda **_: self.flush(), weak=False)
