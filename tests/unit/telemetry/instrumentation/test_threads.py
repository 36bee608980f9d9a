"""Context across threads: what is propagated, and what is not."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry import trace

from spanloom import instrument
from spanloom.sdk.instrumentors import ThreadsInstrumentor

Way = Callable[[Callable[[], None]], None]


@instrument
def work(_: object = None) -> None: ...


def submit(function: Callable[[], None]) -> None:
    with ThreadPoolExecutor() as pool:
        pool.submit(function).result()


def mapped(function: Callable[[], None]) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda _: function(), [1]))


def in_executor(function: Callable[[], None]) -> None:
    async def run() -> None:
        await asyncio.get_running_loop().run_in_executor(None, function)

    asyncio.run(run())


def to_thread(function: Callable[[], None]) -> None:
    asyncio.run(asyncio.to_thread(function))


def started(function: Callable[[], None]) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


WAYS: dict[str, Way] = {way.__name__: way for way in (submit, mapped, in_executor, to_thread, started)}


@pytest.fixture
def kept() -> Iterator[None]:
    ThreadsInstrumentor().instrument()
    yield
    ThreadsInstrumentor().uninstrument()


def parent_of_work(way: str, finished) -> str | None:
    with trace.get_tracer("t").start_as_current_span("request"):
        WAYS[way](work)
    return finished.parents()["work"]


@pytest.mark.parametrize(
    ("way", "expected"),
    [("submit", None), ("mapped", None), ("in_executor", None), ("to_thread", "request"), ("started", None)],
)
def test_the_mistake(way: str, expected: str | None, finished) -> None:
    """Without help, work handed to a pool loses its request and starts a trace of its own."""
    assert expected == parent_of_work(way, finished)


@pytest.mark.parametrize("way", ["submit", "mapped", "in_executor", "to_thread"])
def test_the_cure(way: str, finished, kept) -> None:
    """With the distribution, work handed to a pool is a child of the request that handed it over."""
    assert "request" == parent_of_work(way, finished)


def test_a_long_lived_worker_is_nobodys_child(finished, kept) -> None:
    """A thread that a request happens to start does its later work in traces of its own."""
    assert parent_of_work("started", finished) is None


def test_a_pools_thread_belongs_to_no_request(finished, kept) -> None:
    """A pool's thread, started by one request, does the next one's work in the next one's trace."""
    tracer = trace.get_tracer("t")
    with ThreadPoolExecutor(max_workers=1) as pool:
        for request in ("first", "second"):
            with tracer.start_as_current_span(request):
                pool.submit(instrument(name=f"work of {request}")(lambda: None)).result()
        pool.submit(instrument(name="work of nobody")(lambda: None)).result()
    expected = {"work of first": "first", "work of second": "second", "work of nobody": None}
    assert expected == {name: parent for name, parent in finished.parents().items() if name.startswith("work")}


def test_an_error_in_a_pool_arrives_at_the_caller(finished, kept) -> None:
    """Results and exceptions come back as without the distribution."""

    @instrument
    def fails() -> None:
        raise LookupError("gone")

    with ThreadPoolExecutor() as pool, pytest.raises(LookupError, match="gone"):
        pool.submit(fails).result()
