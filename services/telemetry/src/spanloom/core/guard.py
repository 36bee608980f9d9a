"""Isolation of the distribution's code: its exceptions never reach the application.

A hook consists of functions of the distribution (`begin`, and `on_return` and `on_error` of the call that it returns)
and of one of the wrappers below, which call the application between them. Arguments, results, exceptions and their
order are unchanged. After MAX_FAILURES exceptions in its own code, a hook is disabled for the rest of the process.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from spanloom.core.context import attach, reset
from spanloom.core.reports import describe, report

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from spanloom.core.context import Context

    Begin = Callable[[tuple[Any, ...], dict[str, Any]], "Call | None"]

R = TypeVar("R")
MAX_FAILURES = 3


class Call(Protocol):
    """One call of the application; `context` is current during the call."""

    context: Context

    def on_return(self, result: Any) -> None:
        """Handle the result."""

    def on_error(self, error: BaseException) -> None:
        """Handle the exception."""


class Guard:
    """Failure count of one hook; the hook is disabled after MAX_FAILURES."""

    def __init__(self, name: str) -> None:
        self.name, self.failures, self.is_disabled = name, 0, False

    def record_failure(self, error: Exception) -> None:
        """Count an exception in the hook's code.

        After MAX_FAILURES the hook is disabled, with one line on standard error.
        """
        try:
            self.failures += 1
            if self.failures >= MAX_FAILURES and not self.is_disabled:
                self.is_disabled = True
                report(f"hook {self.name} failed {self.failures} times and is disabled: {describe(error)}")
        except Exception:  # noqa: S110 a guard never raises
            pass

    def run(self, function: Callable[..., R], *args: Any) -> R | None:
        """Call `function`; None if it raises or the hook is disabled."""
        if self.is_disabled:
            return None
        try:
            return function(*args)
        except Exception as error:
            self.record_failure(error)
            return None


def finish_call(guard: Guard, token: Any, handle: Callable[[Any], None], outcome: Any) -> None:
    """Handle the outcome of a call in its context, then restore the previous context."""
    try:
        handle(outcome)
    except Exception as error:
        guard.record_failure(error)
    try:  # noqa: SIM105 `suppress` is three calls, in every span
        reset(token)
    except Exception:  # noqa: S110 the call ended in a different context than it began, as some generators do
        pass


def around(function: Callable[..., Any], begin: Begin, guard: Guard) -> Callable[..., Any]:
    """Return `function` with `begin(args, kwargs)` called before it; `begin` may change `kwargs` as its last step."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = token = None
        if not guard.is_disabled:
            try:
                call = begin(args, kwargs)
                token = call and attach(call.context)
            except Exception as error:
                guard.record_failure(error)
                call = None
        if call is None:
            return function(*args, **kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            finish_call(guard, token, call.on_error, error)
            raise
        finish_call(guard, token, call.on_return, result)
        return result

    return wrapper


def around_coroutine(function: Callable[..., Awaitable[Any]], begin: Begin, guard: Guard) -> Callable[..., Any]:
    """Return a coroutine function that traces `function` as `around` does."""

    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = token = None
        if not guard.is_disabled:
            try:
                call = begin(args, kwargs)
                token = call and attach(call.context)
            except Exception as error:
                guard.record_failure(error)
                call = None
        if call is None:
            return await function(*args, **kwargs)
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            finish_call(guard, token, call.on_error, error)
            raise
        finish_call(guard, token, call.on_return, result)
        return result

    return wrapper


def guarded(guard: Guard, function: Callable[..., R]) -> Callable[..., R | None]:
    """Return a callable for the application that runs `function` under `guard` and never raises."""
    return functools.partial(guard.run, function)
