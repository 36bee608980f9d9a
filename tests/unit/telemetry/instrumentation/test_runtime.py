"""Metrics of the runtime, on real event loops and the real garbage collector."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING
from urllib.request import urlopen
from weakref import ref

import pytest
import uvloop
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from support.metrics import attributes_of
from support.servers.asgi import serve

from spanloom.core.guard import Guard
from spanloom.core.metrics import instruments
from spanloom.instrumentation import event_loops
from spanloom.instrumentation.event_loops import LoopMonitor, watch
from spanloom.instrumentation.runtime import Collections
from spanloom.sdk.instrumentors import AsgiInstrumentor, RuntimeInstrumentor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DELAY, GC_DURATION = "asyncio.eventloop.delay", "cpython.gc.duration"
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def hooks(core) -> Iterator[None]:
    RuntimeInstrumentor().instrument()
    yield
    RuntimeInstrumentor().uninstrument()


class LateLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps, as it does for a loop that was blocked."""

    offset_seconds = 0.0

    def time(self) -> float:
        return super().time() + self.offset_seconds


async def turn(times: int = 2) -> None:
    """Let the loop call what is due."""
    for _ in range(times):
        await asyncio.sleep(0)


async def block_in_a_request(loop: LateLoop) -> None:
    watch.on_request()
    loop.offset_seconds = 5
    await turn()


def test_a_blocked_loop_is_late(measured) -> None:
    """By the time that it was blocked, less than the interval; a loop that is closed is not kept."""
    loop = LateLoop()
    loop.run_until_complete(block_in_a_request(loop))
    loop.close()
    [point] = measured.points(DELAY)
    assert (1, True) == (point.count, 5 - event_loops.INTERVAL_SECONDS <= point.max < 5 + 60)
    weak = ref(loop)
    del loop
    gc.collect()
    assert weak() is None


@pytest.mark.parametrize("new_loop", LOOPS.values(), ids=LOOPS)
def test_a_loop_without_requests_is_left_alone(
    new_loop: Callable[[], asyncio.AbstractEventLoop], measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its last request the timer runs for a limited time, and starts again with the next one."""
    monkeypatch.setattr(event_loops, "INTERVAL_SECONDS", 0.0)
    monkeypatch.setattr(event_loops, "MAX_IDLE_TICKS", 3)
    counts = []

    async def serve_two_requests() -> None:
        for _ in range(2):
            watch.on_request()
            await turn(50)
            counts.extend(point.count for point in measured.points(DELAY))

    loop = new_loop()
    loop.run_until_complete(serve_two_requests())
    loop.close()
    assert [4, 8] == counts


def test_nothing_of_a_request_is_kept() -> None:
    """The timer has a context of its own, not that of the request that started it."""
    variable: ContextVar[object] = ContextVar("variable")

    class Request:
        """What only a request's context refers to."""

    async def handle() -> ref[Request]:
        request = Request()
        variable.set(request)
        watch.on_request()
        return ref(request)

    async def outer() -> object:
        weak = await asyncio.create_task(handle())
        await turn()
        gc.collect()
        return weak()

    assert asyncio.run(outer()) is None


def test_requests_are_watched_but_probes_are_not(measured) -> None:
    """Health checks alone start no timer."""
    AsgiInstrumentor().instrument()
    routes = [Route(path, lambda _: PlainTextResponse("")) for path in ("/healthz", "/work")]
    watched = []
    for path in ("/healthz", "/work"):
        RuntimeInstrumentor().uninstrument()
        RuntimeInstrumentor().instrument()
        with serve(Starlette(routes=routes)) as url, urlopen(url + path) as response:
            assert 200 == response.status
        watched.append(watch.monitor is not None and watch.monitor._last is not None)
    AsgiInstrumentor().uninstrument()
    assert [False, True] == watched


def test_without_an_event_loop_nothing_is_measured(measured) -> None:
    """Under trio, for example."""
    watch.on_request()
    assert [] == measured.points(DELAY)


def test_a_collection_is_measured_by_generation(measured) -> None:
    """Each generation has a point, except the youngest, whose collections are many and short."""
    for generation in (0, 1, 2, 2):
        gc.collect(generation)
    counts = measured.counts(GC_DURATION, "cpython.gc.generation")
    assert [False, True, True] == [counts[generation,] >= least for generation, least in enumerate((1, 1, 2))]
    assert {"cpython.gc.generation"} == {key for point in measured.points(GC_DURATION) for key in attributes_of(point)}


def test_hooks_that_are_removed_leave_no_callback() -> None:
    """Neither at the collector nor for requests."""
    RuntimeInstrumentor().uninstrument()
    after = [type(callback).__name__ for callback in gc.callbacks]
    assert ("Collections" in after, watch.monitor) == (False, None)
    RuntimeInstrumentor().instrument()


def test_the_collector_is_left_alone_where_the_sdk_measures() -> None:
    """A collection during a measurement would wait for a lock that the same thread holds."""
    RuntimeInstrumentor().uninstrument()
    new = instruments._new
    instruments.serve_nothing()
    RuntimeInstrumentor().instrument()
    found = [type(callback).__name__ for callback in gc.callbacks]
    instruments.serve(new)
    assert "Collections" not in found


def test_the_end_of_python_is_quiet() -> None:
    """Collections while the modules are cleared call nothing of ours."""
    program = """
from spanloom.core.metrics import instruments
from spanloom.core.telemetry import Options, Telemetry
from spanloom.instrumentation.hooks import Options as HookOptions
from spanloom.instrumentation.runtime import RuntimeHooks
instruments.serve(Telemetry(Options(dict, "test")).instrument)
RuntimeHooks().hook(HookOptions())
cycle = []
cycle.append(cycle)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ("", "") == (done.stdout, done.stderr)


def test_a_monitor_that_fails_stops_no_request(capsys: pytest.CaptureFixture[str]) -> None:
    """Its guard catches the exception, and disables it after the third."""

    class Loop:
        """An event loop that has no timers."""

    monitor = LoopMonitor(Guard("runtime"))
    monitor._get_running_loop = Loop  # type: ignore[assignment] # not a loop
    watch.monitor = monitor
    for _ in range(4):
        watch.on_request()
    assert "hook runtime failed 3 times and is disabled" in capsys.readouterr().err


def test_a_collection_that_cannot_be_recorded_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """Its guard catches the exception, which Python would print, and disables it after the third."""
    on_phase = Collections(None, Guard("runtime"))  # type: ignore[arg-type] # no histogram
    gc.callbacks.append(on_phase)
    for _ in range(4):
        gc.collect()
    gc.callbacks.remove(on_phase)
    assert (
        "spanloom: hook runtime failed 3 times and is disabled: AttributeError"
        == (capsys.readouterr().err.partition(" in ")[0])
    )
