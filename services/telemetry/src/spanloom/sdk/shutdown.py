"""Final flush of a process: queued telemetry is sent before exit, within a timeout.

uvicorn re-raises the signal that it received, and a process without a handler ends at SIGTERM, so `atexit`, where the
SDK would flush, does not run. The flush runs at the end of an ASGI lifespan, at SIGTERM without another handler, in
forked workers of multiprocessing and Celery, which end with `os._exit`, and at exit; the first of these flushes.
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

REPORT_AFTER_SECONDS = 2.0  # of waiting, with one line on standard error
_guard = Guard("flush of forked workers")


@dataclass
class _Request:
    """One flush: `done` is set when all providers were flushed, `is_sent` is True if every provider sent everything."""

    done: threading.Event = field(default_factory=threading.Event)
    is_sent: bool = False


class Shutdown:
    """Flushes the providers of this process, for at most `timeout_seconds`."""

    def __init__(self, timeout_seconds: float, endpoint: str = "") -> None:
        self.timeout_seconds, self.endpoint = timeout_seconds, endpoint
        self._timed_out_at = -float("inf")
        self._start_worker()

    def install(self) -> None:
        """Register the flush at exit, at SIGTERM, and at the end of forked workers."""
        atexit.register(self.flush)
        os.register_at_fork(after_in_child=self._start_worker)
        when_imported("multiprocessing.util")(guarded(_guard, self._flush_forked_workers))
        when_imported("celery.signals")(guarded(_guard, self._flush_celery_workers))
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._terminate)

    def flush(self) -> bool:
        """Flush all providers; False if the timeout expired."""
        if monotonic() - self._timed_out_at < self.timeout_seconds:
            return False  # the timeout of this exit has already expired
        request = _Request()
        self._requests.append(request)
        self._wake.set()
        if not request.done.wait(min(REPORT_AFTER_SECONDS, self.timeout_seconds)):
            report(f"{self._receiver()} is not reachable; waiting up to {self.timeout_seconds:g} s before exit")
            request.done.wait(max(0.0, self.timeout_seconds - REPORT_AFTER_SECONDS))
        if request.is_sent:
            return True
        self._timed_out_at = monotonic()
        report(f"telemetry could not be sent within {self.timeout_seconds:g} s; the queued telemetry is dropped")
        return False

    def _receiver(self) -> str:
        return f"OTLP endpoint {self.endpoint}" if self.endpoint else "OTLP endpoint"

    def _start_worker(self) -> None:
        """Start the thread that flushes: threads cannot be started at exit (Python 3.12)."""
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
                request.is_sent = _flush_providers()
                request.done.set()

    def _terminate(self, number: int, _frame: FrameType | None) -> None:
        """Flush, then end the process with the signal's default action."""
        self.flush()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def _flush_forked_workers(self, util: Any) -> None:
        util.register_after_fork(self, lambda owner: util.Finalize(None, owner.flush, exitpriority=0))

    def _flush_celery_workers(self, signals: Any) -> None:
        signals.worker_process_shutdown.connect(lambda **_: self.flush(), weak=False)


def _flush_providers() -> bool:
    providers = (trace.get_tracer_provider(), metrics.get_meter_provider(), _logs.get_logger_provider())
    sent = [_flushed(provider) for provider in providers if hasattr(provider, "force_flush")]
    return all(sent)


def _flushed(provider: Any) -> bool:
    try:
        return provider.force_flush() is not False
    except Exception:
        return False
