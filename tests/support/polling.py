"""The only wait of the tests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
INTERVAL_SECONDS = 0.05


def poll_until(check: Callable[[], T | None], description: str, seconds: float = 30) -> T:
    """Return the first truthy answer of `check`; AssertionError names `description` after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        if answer := check():
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:g} s: {description}")
        time.sleep(INTERVAL_SECONDS)
