"""Our code in somebody's process: what it raises never reaches the application.

Every hook consists of functions of ours (`begin`, and the `returned`, `failed` of what it returns) and of one of the
wrappers below, which calls the application in between. The application's arguments, results, exceptions and their
order are never changed. After MAX_FAILURES exceptions of its own code a hook is off for the rest of the process.
"""

from __future__ import annotations

import functools
import logging
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from spanloom.tracing.context import attach, reset

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from opentelemetry.context import Context

    Begin = Callable[[tuple[Any, ...], dict[str, Any]], "Call | None"]

R = TypeVar("R")
MAX_FAILURES = 3
log = logging.getLogger(__name__)
_reported: set[str] = set()


class Call(Protocol):
    """One call of the application, begun: `context` is current during it."""

    context: Context

    def returned(self, result: Any) -> None:
        """Take note of its result."""

    def failed(self, error: BaseException) -> None:
        """Take note of its exception."""


class Guard:
    """The failures of one hook, and whether it is off."""

    def __init__(self, name: str) -> None:
        self.name, self.failures, self.is_off = name, 0, False

    def failed(self, error: Exception) -> None:
        """Count an exception of the hook's own code; the last one switches the hook off, with one line."""
        try:
            self.failures += 1
            log.debug("the hook %s failed", self.name, exc_info=error)
            if self.failures >= MAX_FAILURES and not self.is_off:
                self.is_off = True
                report(f"the hook {self.name} failed {self.failures} times and is off: {_describe(error)}")
        except Exception:  # noqa: S110 nothing may leave a guard
            pass

    def run(self, function: Callable[..., R], *args: Any) -> R | None:
        """Call a function of ours; None when it fails or the hook is off."""
        if self.is_off:
            return None
        try:
            return function(*args)
        except Exception as error:
            self.failed(error)
            return None


def report(text: str) -> None:
    """Write one line to standard error; not a log record, as logging belongs to the application."""
    with suppress(Exception):  # standard error may be closed
        print(f"spanloom: {text}", file=sys.stderr, flush=True)


def report_loss(what: str, error: Exception) -> None:
    """Report something that is left out of the telemetry, once for each place in the code; the next are debug records.

    For what does not switch a hook off: the next batch, span or attribute may well be fine.
    """
    place = _describe(error)
    if place in _reported:
        log.debug("%s was left out", what, exc_info=error)
    else:
        _reported.add(place)
        report(f"{what} was left out of the telemetry: {place}")


def _describe(error: Exception) -> str:
    """Return type and place of an error; its text may quote data."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" in {place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place is not None else ""
    return f"{type(error).__name__}{where}"


def leave(guard: Guard, token: Any, end: Callable[[Any], None], outcome: Any) -> None:
    """Take note of the outcome of a call, still in its context, and restore the context from before it."""
    try:
        end(outcome)
    except Exception as error:
        guard.failed(error)
    try:
        reset(token)
    except Exception:
        log.debug("a call of %s ended in another context than it began in", guard.name)


def around(function: Callable[..., Any], begin: Begin, guard: Guard) -> Callable[..., Any]:
    """Return `function` with `begin(args, kwargs)` before it; `begin` may change `kwargs`, as its last step."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = token = None
        if not guard.is_off:
            try:
                call = begin(args, kwargs)
                token = call and attach(call.context)
            except Exception as error:
                guard.failed(error)
                call = None
        if call is None:
            return function(*args, **kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            leave(guard, token, call.failed, error)
            raise
        leave(guard, token, call.returned, result)
        return result

    return wrapper


def around_coroutine(function: Callable[..., Awaitable[Any]], begin: Begin, guard: Guard) -> Callable[..., Any]:
    """Return a coroutine function that does for `function` what `around` does."""

    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = token = None
        if not guard.is_off:
            try:
                call = begin(args, kwargs)
                token = call and attach(call.context)
            except Exception as error:
                guard.failed(error)
                call = None
        if call is None:
            return await function(*args, **kwargs)
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            leave(guard, token, call.failed, error)
            raise
        leave(guard, token, call.returned, result)
        return result

    return wrapper


def guarded(guard: Guard, function: Callable[..., R]) -> Callable[..., R | None]:
    """Return `function`, which is ours, as one that the application can call: it never raises."""
    return functools.partial(guard.run, function)
