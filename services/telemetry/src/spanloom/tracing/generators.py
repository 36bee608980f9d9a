"""Decorated generators: the span is open from the first step to the last, and current during each step only.

Between two steps the caller's span is current again, so spans of the caller are never children of the generator's span.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, Any

from spanloom.core.context import attach
from spanloom.core.guard import finish_call

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanloom.core.guard import Begin, Guard
    from spanloom.tracing.call_site import SpanCall


class _Steps:
    """The steps of a generator and its call, which ends once."""

    def __init__(self, generator: Any, call: SpanCall, guard: Guard) -> None:
        self.generator, self.call, self.guard, self.is_open = generator, call, guard, True

    def end(self, error: BaseException | None) -> None:
        """End the call: with the generator's result, or with the exception that it raised."""
        if self.is_open:
            self.is_open = False
            if error is None or isinstance(error, StopIteration | StopAsyncIteration):
                self.call.on_return(getattr(error, "value", None))
            else:
                self.call.on_error(error)

    def end_step(self, token: Any, error: BaseException | None = None) -> None:
        """Restore the caller's context after a step; `error` is the exception that ended the generator."""
        finish_call(self.guard, token, _ignore if error is None else self.end, error)


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
            self.end_step(token, error)
            raise
        self.end_step(token)
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
            self.end_step(token, error)
            raise
        self.end_step(token)
        return item


def _trace_steps(kind: Any, generator: Any, begin: Begin, guard: Guard, args: Any, kwargs: Any) -> Any:
    """Return the generator with its steps traced; None if the call gets no span."""
    call = begin(args, kwargs)
    return None if call is None else kind(generator, call, guard)


def around_generator(function: Callable[..., Any], begin: Begin, guard: Guard) -> Callable[..., Any]:
    """Return a generator function that traces `function` as `guard.around` does."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        generator = function(*args, **kwargs)
        steps = guard.run(_trace_steps, _Generator, generator, begin, guard, args, kwargs)
        return (yield from generator if steps is None else steps)

    return wrapper


def around_async_generator(function: Callable[..., Any], begin: Begin, guard: Guard) -> Callable[..., Any]:
    """Return an async generator function that traces `function` as `guard.around` does."""

    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        generator = function(*args, **kwargs)
        traced = guard.run(_trace_steps, _AsyncGenerator, generator, begin, guard, args, kwargs)
        steps = generator if traced is None else traced
        try:  # the equivalent of `yield from`, which async generators lack (PEP 525)
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
