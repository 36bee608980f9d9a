"""Flush at the end of a process: what is still queued is sent before the process ends, within a bound.

uvicorn ends itself by the signal it received, and a process without a handler dies by SIGTERM, so `atexit`, where the
SDK would flush, never runs. The flush comes at the end of an ASGI application's lifespan, at SIGTERM where nobody else
handles it, in forked workers of multiprocessing and Celery, which end by `os._exit`, and at exit; whatever comes first
does the work.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

from opentelemetry import _logs, metrics, trace
from wrapt import when_imported

from spanloom.tracing.guard import Guard, guarded, report

if TYPE_CHECKING:
    from types import FrameType

SILENT_SECONDS = 2.0  # before a person is told what the process waits for
_guard = Guard("flush of forked workers")


@dataclass
class _Request:
    """One flush: `done` is set when every provider has been asked, `sent` tells whether all of them sent everything."""

    done: threading.Event = field(default_factory=threading.Event)
    sent: bool = False


class Shutdown:
    """Flushes the providers of this process, waiting `timeout` seconds at most."""

    def __init__(self, timeout: float, endpoint: str = "") -> None:
        self.timeout, self.endpoint = timeout, endpoint
        self._given_up_at = -float("inf")
        self._start_worker()

    def install(self) -> None:
        """Flush at exit, at SIGTERM, and at the end of forked workers."""
        atexit.register(self.flush)
        os.register_at_fork(after_in_child=self._start_worker)
        when_imported("multiprocessing.util")(guarded(_guard, self._flush_forked_workers))
        when_imported("celery.signals")(guarded(_guard, self._flush_celery_workers))
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._terminate)

    def flush(self) -> bool:
        """Send what is queued; False when that was not possible in time."""
        if monotonic() - self._given_up_at < self.timeout:
            return False  # this end of the process has waited already
        request = _Request()
        self._requests.append(request)
        self._wake.set()
        if not request.done.wait(min(SILENT_SECONDS, self.timeout)):
            report(f"{self._receiver()} is not reachable; waiting up to {self.timeout:g} s before exit")
            request.done.wait(max(0.0, self.timeout - SILENT_SECONDS))
        if request.sent:
            return True
        self._given_up_at = monotonic()
        report(f"telemetry could not be sent within {self.timeout:g} s; what was queued is lost")
        return False

    def _receiver(self) -> str:
        return f"OTLP endpoint {self.endpoint}" if self.endpoint else "the receiver of telemetry"

    def _start_worker(self) -> None:
        """Start the thread that flushes: at exit it is too late for new threads (Python 3.12)."""
        self._requests: list[_Request] = []
        self._wake = threading.Event()
        threading.Thread(target=self._work, name="spanloom-flush", daemon=True).start()

    def _work(self) -> None:
        requests, wake = self._requests, self._wake
        while True:
            wake.wait()
            wake.clear()
            while requests:
                request = requests.pop()
                request.sent = _flush_providers()
                request.done.set()

    def _terminate(self, number: int, _frame: FrameType | None) -> None:
        """End the process as the signal would have ended it."""
        self.flush()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def _flush_forked_workers(self, util: Any) -> None:
        util.register_after_fork(self, lambda owner: util.Finalize(None, owner.flush, exitpriority=0))

    def _flush_celery_workers(self, signals: Any) -> None:
        signals.worker_process_shutdown.connect(lambda **_: self.flush(), weak=False)


def _flush_providers() -> bool:
    every = (trace.get_tracer_provider(), metrics.get_meter_provider(), _logs.get_logger_provider())
    sent = [_flushed(provider) for provider in every if hasattr(provider, "force_flush")]
    return all(sent)


def _flushed(provider: Any) -> bool:
    try:
        return provider.force_flush() is not False
    except Exception:
        return False
