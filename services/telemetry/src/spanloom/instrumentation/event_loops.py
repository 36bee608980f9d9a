"""The delay of asyncio's event loops that serve requests (`asyncio.eventloop.delay`).

A timer of the loop itself is due every INTERVAL_SECONDS; what it is late is the delay that any other callback of the
loop has. Whatever blocks the loop for longer than the interval is seen. It stops when there are no requests.
"""

from __future__ import annotations

from contextvars import Context
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from spanloom.core.metrics.instruments import Definition, get_instrument
from spanloom.core.spans.tracer import Scope

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

    from spanloom.core.guard import Guard
    from spanloom.core.metrics.instruments import Recorder

INTERVAL_SECONDS = 0.5  # each tick wakes a process that waits, which costs as much as a dozen spans
MAX_IDLE_TICKS = 20  # ten seconds without a request
BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # seconds
DELAY = Definition(
    Scope("spanloom.runtime"),
    "asyncio.eventloop.delay",
    "s",
    "Delay of callbacks of an event loop.",
    (),
    BUCKETS,
    is_passive=True,
)


class LoopDelay:
    """The timer of one event loop, which neither it nor a pending timer keeps alive."""

    def __init__(self, loop: AbstractEventLoop, delays: Recorder, guard: Guard) -> None:
        self.loop, self._delays, self._guard = ref(loop), delays, guard
        self._context = Context()  # not that of the request, which the timer would keep alive
        self.is_running, self.idle_ticks = False, 0

    def start(self, loop: AbstractEventLoop) -> None:
        """Start the timer."""
        self.is_running = True
        self._schedule(loop)

    def _schedule(self, loop: AbstractEventLoop) -> None:
        self._due_at = loop.time() + INTERVAL_SECONDS
        loop.call_at(self._due_at, self._guard.run, self._tick, context=self._context)

    def _tick(self) -> None:
        loop = self.loop()
        self.is_running = loop is not None and self.idle_ticks < MAX_IDLE_TICKS
        if loop is None:
            return
        self.idle_ticks += 1
        self._delays.record(max(0.0, loop.time() - self._due_at), (), {})
        if self.is_running:
            self._schedule(loop)


class LoopMonitor:
    """The timers of the event loops that serve requests."""

    def __init__(self, guard: Guard) -> None:
        self.guard, self._delays = guard, get_instrument(DELAY)
        self._by_loop: WeakKeyDictionary[Any, LoopDelay] = WeakKeyDictionary()
        self._last: LoopDelay | None = None
        self._get_running_loop: Callable[[], AbstractEventLoop] | None = None

    def on_request(self) -> None:
        """Measure the delay of the loop that serves a request; trio has none."""
        try:
            loop = (self._get_running_loop or self._import())()
        except RuntimeError:
            return
        delay = self._last
        if delay is None or delay.loop() is not loop:
            delay = self._last = self._delay_of(loop)
        delay.idle_ticks = 0
        if not delay.is_running:
            delay.start(loop)

    def _import(self) -> Callable[[], AbstractEventLoop]:
        from asyncio import get_running_loop  # noqa: PLC0415 not before a server has imported it

        self._get_running_loop = get_running_loop
        return get_running_loop

    def _delay_of(self, loop: AbstractEventLoop) -> LoopDelay:
        return self._by_loop.get(loop) or self._by_loop.setdefault(loop, LoopDelay(loop, self._delays, self.guard))


class Watch:
    """What every request calls; `monitor` is None where no delay is measured."""

    monitor: LoopMonitor | None = None

    def on_request(self) -> None:
        """Measure the delay of the event loop that runs."""
        if self.monitor is not None:
            self.monitor.guard.run(self.monitor.on_request)


watch = Watch()
