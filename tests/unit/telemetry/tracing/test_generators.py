"""Spans of generators, and of calls that are cancelled."""

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator

import pytest
from opentelemetry import trace

from spanloom import instrument


@instrument
def plain(a: int) -> int:
    return a


@instrument
async def awaited(a: int) -> int:
    return a


def test_a_generators_span_is_current_only_while_it_runs(finished) -> None:
    """Work of the caller between two items is the caller's; work inside is the generator's."""

    @instrument
    def numbers() -> Generator[int, str, str]:
        plain(1)
        response = yield 1
        return response

    def steps() -> Generator[int, str, str]:
        return (yield from numbers())

    with trace.get_tracer("t").start_as_current_span("caller"):
        generator = steps()
        next(generator)
        asyncio.run(awaited(2))
        with pytest.raises(StopIteration) as stop:
            generator.send("done")
    assert "done" == stop.value.value
    assert {"plain": "numbers", "awaited": "caller", "numbers": "caller", "caller": None} == finished.parents()


def test_a_generator_closed_early_has_ended_and_not_failed(finished) -> None:
    """Leaving a loop early ends the span without an error."""

    @instrument
    def endless() -> Iterator[int]:
        while True:
            yield 1

    generator = endless()
    next(generator)
    generator.close()
    assert ("endless", "UNSET") == (finished.one().name, finished.one().status)


def test_what_is_thrown_into_an_async_generator_arrives(finished) -> None:
    """Send, throw and early close behave as without the decorator."""

    @instrument
    async def resilient() -> AsyncIterator[str]:
        while True:
            try:
                yield "waiting"
            except KeyError as error:
                yield f"caught {error}"

    async def talk() -> list[str]:
        generator = resilient()
        said = [await anext(generator), await generator.athrow(KeyError("k")), await generator.asend(None)]
        await generator.aclose()
        return said

    assert ["waiting", "caught 'k'", "waiting"] == asyncio.run(talk())
    assert ("resilient", "UNSET") == (finished.one().name, finished.one().status)


def test_cancelling_ends_the_span_as_failed(finished) -> None:
    """A cancelled call differs from a finished one."""

    @instrument
    async def patient() -> None:
        await asyncio.sleep(60)

    async def impatient() -> None:
        async with asyncio.timeout(0.01):
            await patient()

    with pytest.raises(TimeoutError):
        asyncio.run(impatient())
    assert ("ERROR", "asyncio.exceptions.CancelledError") == (
        finished.one().status,
        finished.one().attributes["error.type"],
    )
