"""Guards around calls of the application."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import pytest

from spanloom.core.context import get_current
from spanloom.core.guard import MAX_FAILURES, Guard, around, around_coroutine, guarded


class FaultError(Exception):
    """A fault in a hook's own code."""


class Call(NamedTuple):
    """A call that fails where `at` says."""

    at: str
    context: dict[Any, Any]

    def on_return(self, _result: Any) -> None:
        fail_at("on_return", self.at)

    def on_error(self, _error: BaseException) -> None:
        fail_at("on_error", self.at)


def fail_at(place: str, at: str) -> None:
    if place == at:
        raise FaultError


def divide(number: int, *, by: int) -> float:
    return number / by


async def divide_later(number: int, *, by: int) -> float:
    return number / by


def outcome(function: Any, by: int) -> object:
    """Return the result, or the type of the exception."""
    try:
        result = function(6, by=by)
        return asyncio.run(result) if asyncio.iscoroutine(result) else result
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("at", ["begin", "on_return", "on_error", "nowhere"])
@pytest.mark.parametrize(("wrap", "function"), [(around, divide), (around_coroutine, divide_later)])
def test_a_failing_hook_changes_no_result_and_no_exception(wrap: Any, function: Any, at: str) -> None:
    """Wherever its own code fails; the context is as before, and the names of the function stay."""

    def begin(_args: Any, _kwargs: Any) -> Call:
        fail_at("begin", at)
        return Call(at, {})

    wrapped, before = wrap(function, begin, Guard("test")), get_current()
    assert [3.0, ZeroDivisionError] == [outcome(wrapped, by) for by in (2, 0)]
    assert before is get_current()
    assert function.__name__ == wrapped.__name__


def test_a_hook_is_disabled_after_a_few_failures(capfd: pytest.CaptureFixture[str]) -> None:
    """With one line that names it, and it is not called again."""
    calls: list[int] = []

    def fail(number: int) -> None:
        calls.append(number)
        raise FaultError

    call = guarded(Guard("shop"), fail)
    assert [None] * 10 == [call(number) for number in range(10)]
    assert list(range(MAX_FAILURES)) == calls
    [line] = capfd.readouterr().err.splitlines()
    assert line.startswith(f"spanloom: hook shop failed {MAX_FAILURES} times and is disabled: FaultError")


def test_an_interrupt_is_not_kept_from_the_application() -> None:
    """KeyboardInterrupt and SystemExit in a hook's code are the application's."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        guarded(Guard("shop"), interrupt)()
