"""Metrics of the Python runtime: delays of event loops and pauses of the garbage collector."""

from __future__ import annotations

import atexit
import gc
from time import perf_counter
from typing import TYPE_CHECKING, Any

from spanloom.core.metrics.histogram import Histogram
from spanloom.core.metrics.instruments import Definition, get_instrument
from spanloom.core.spans.tracer import Scope
from spanloom.instrumentation.event_loops import LoopMonitor, watch
from spanloom.instrumentation.hooks import Hooks

if TYPE_CHECKING:
    from spanloom.core.guard import Guard
    from spanloom.instrumentation.hooks import Options

GC_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)  # seconds
GC_DURATION = Definition(
    Scope("spanloom.runtime"), "cpython.gc.duration", "s", "Duration of a garbage collection.",
    ("cpython.gc.generation",), GC_BUCKETS, is_passive=True,
)  # fmt: skip


class RuntimeHooks(Hooks):
    """Measures the runtime of a process that serves requests or makes traces."""

    name = "runtime"

    def hook(self, _: Options) -> None:
        """Register the callbacks."""
        watch.monitor = LoopMonitor(self.guard)
        durations = get_instrument(GC_DURATION)
        # The collector may run while the SDK holds a lock of its own; a measurement then would wait for itself.
        self._collections = Collections(durations, self.guard) if isinstance(durations, Histogram) else None
        if self._collections is not None:
            gc.callbacks.append(self._collections)
            atexit.register(self.remove)  # before Python's end clears the modules

    def remove(self) -> None:
        """Remove the callbacks."""
        super().remove()
        watch.monitor = None
        if self._collections in gc.callbacks:
            gc.callbacks.remove(self._collections)
        atexit.unregister(self.remove)


class Collections:
    """A callback of the garbage collector, of which one runs at a time (`gc.callbacks`)."""

    def __init__(self, durations: Histogram, guard: Guard) -> None:
        self._durations, self._guard, self._start_seconds = durations, guard, 0.0

    def __call__(self, phase: str, info: dict[str, Any]) -> None:
        """Record the time from "start" to "stop"; Python would print what this raises.

        Without the youngest generation: its collections are many and short.
        """
        if info["generation"]:
            self._guard.run(self._on_phase, phase, info)

    def _on_phase(self, phase: str, info: dict[str, Any]) -> None:  # the core's histogram takes no lock for it
        if phase == "start":
            self._start_seconds = perf_counter()
        elif self._start_seconds:
            self._durations.record(perf_counter() - self._start_seconds, (info["generation"],), {})
