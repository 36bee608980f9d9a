"""Decorated generators: their span is open from the first step to the last, and current only during a step.

Between two steps the caller's own span is current again, so the caller's work is never below ours.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, Any

from spanloom.tracing.context import attach
from spanloom.tracing.guard import leave

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanloom.tracing.call_site import SpanCall
    from spanloom.tracing.guard import Begin, Guard


class _Steps:
    """The steps of a generator, and the call they belong to until it has ended."""

    def __init__(self, generator: Any, call: SpanCall, guard: Guard) -> None:
        self.generator, self.call, self.guard, self.is_open = generator, call, guard, True

    def end(self, error: BaseException | None) -> None:
        """End the call once: with the generator's result, or with the exception it raised."""
        if self.is_open:
            self.is_open = False
            if error is None or isinstance(error, StopIteration | StopAsyncIteration):
                self.call.returned(getattr(error, "value", None))
            else:
                self.call.failed(error)

    def leave(self, token: Any, error: BaseException | None = None) -> None:
        """Restore the caller's context after a step; `error` is what ended the generator."""
        leave(self.guard, token, _ignore if error is None else self.end, error)


def _ignore(_: object) -> None: ...


class _Generator(_Steps, Generator[Any, Any, Any]):
    def send(self, value: Any, /) -> Any:
        return self._step(self.generator.send, value)

    def throw(self, *error: Any) -> Any:
        return self._step(self.generator.throw, *error)

    def _step(self, advance: Callable[..., Any], *args: Any) -> Any:
        token = attach(self.call.context)
        try:
            item = advance(*args)
        except BaseException as error:
            self.leave(token, error)
            raise
        self.leave(token)
        return item


class _AsyncGenerator(_Steps, AsyncGenerator[Any, Any]):
    async def asend(self, value: Any, /) -> Any:
        return await self._step(self.generator.asend, value)

    async def athrow(self, *error: Any) -> Any:
        return await self._step(self.generator.athrow, *error)

    async def aclose(self) -> None:
        await self._step(self.generator.aclose)
        self.guard.run(self.end, None)

    async def _step(self, advance: Callable[..., Any], *args: Any) -> Any:
        token = attach(self.call.context)
        try:
            item = await advance(*args)
        except BaseException as error:
            self.leave(token, error)
            raise
        self.leave(token)
        return item


def _begun(kind: Any, generator: Any, begin: Begin, guard: Guard, args: Any, kwargs: Any) -> Any:
    """Return the generator with the steps of a call around it; None when the call gets no span."""
    call = begin(args, kwargs)
    return None if call is None else kind(generator, call, guard)


def around_generator(function: Callable[..., Any], begin: Begin, guard: Guard) -> Callable[..., Any]:
    """Return a generator function that does for `function` what `guard.around` does for a function."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        generator = function(*args, **kwargs)
        steps = guard.run(_begun, _Generator, generator, begin, guard, args, kwargs)
        return (yield from generator if steps is None else steps)

    return wrapper


def around_async_generator(function: Callable[..., Any], begin: Begin, guard: Guard) -> Callable[..., Any]:
    """Return an async generator function that does for `function` what `guard.around` does for a function."""

    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        generator = function(*args, **kwargs)
        begun = guard.run(_begun, _AsyncGenerator, generator, begin, guard, args, kwargs)
        steps = generator if begun is None else begun
        try:  # what `yield from` does for a generator that is not async (PEP 525 has no such expression)
            item = await anext(steps)
            while True:
                try:
                    sent = yield item
                except GeneratorExit:
                    raise
                except BaseException as error:
                    item = await steps.athrow(error)
                else:
                    item = await steps.asend(sent)
        except StopAsyncIteration:
            return
        finally:
            await steps.aclose()

    return wrapper
