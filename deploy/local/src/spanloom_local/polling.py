"""The only wait of the demo and of the tests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
PAUSE_SECONDS = 0.02


def poll_until(check: Callable[[], T | None], description: str, seconds: float = 30.0) -> T:
    """Call `check` until its result is true, and return it; TimeoutError with `description` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        if result := check():
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(f"timed out after {seconds:g} s, waiting for: {description}")
        time.sleep(PAUSE_SECONDS)
