"""The one way to wait."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
PAUSE_SECONDS = 0.02


def poll_until(check: Callable[[], T | None], description: str, seconds: float = 30.0) -> T:
    """Return the first truthy answer of `check`; TimeoutError naming `description` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        if answer := check():
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {description}")
        time.sleep(PAUSE_SECONDS)
