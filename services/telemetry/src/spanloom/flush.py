"""Nothing is lost at the end: what is still buffered leaves before the process does.

uvicorn ends itself by the signal it received, so `atexit`, where the SDK would flush, never runs. The end of the
application's lifespan is the last moment that always comes, with every request answered.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from opentelemetry import _logs, metrics, trace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

ENDS = ("lifespan.shutdown.complete", "lifespan.shutdown.failed")
PATIENCE = 2.0  # seconds of silence before a person is told what is waited for


def flushing(send: Send, timeout: float) -> Send:
    """Return `send` with a flush before the message that ends an application's lifespan."""

    async def send_after_flush(message: MutableMapping[str, Any]) -> None:
        if message["type"] in ENDS:
            await asyncio.to_thread(flush, timeout)
        await send(message)

    return send_after_flush


def flush(timeout: float) -> bool:
    """Deliver spans, log records and metrics, waiting `timeout` seconds at most; tell whether all had left."""
    deadline = monotonic() + timeout
    threads = [_started(provider.force_flush) for provider in _providers()]
    if not _joined(threads, monotonic() + min(PATIENCE, timeout)):
        _say(f"nobody takes the telemetry yet, waiting up to {timeout:g} s")
    if _joined(threads, deadline):
        return True
    _say(f"telemetry was not taken within {timeout:g} s; what was left is lost")
    for provider in _providers():
        _started(provider.shutdown)  # gives up, so that the SDK's own atexit does not wait again
    return False


def _providers() -> list[Any]:
    every = (trace.get_tracer_provider(), metrics.get_meter_provider(), _logs.get_logger_provider())
    return [provider for provider in every if hasattr(provider, "force_flush")]


def _started(call: Callable[[], object]) -> threading.Thread:
    # A daemon: past the deadline the process ends without waiting for it.
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    return thread


def _joined(threads: list[threading.Thread], deadline: float) -> bool:
    for thread in threads:
        thread.join(max(0.0, deadline - monotonic()))
    return not any(thread.is_alive() for thread in threads)


def _say(text: str) -> None:
    # Not a log record: where nobody takes the telemetry, it would be one more record nobody takes.
    print(f"spanloom: {text}", file=sys.stderr, flush=True)
