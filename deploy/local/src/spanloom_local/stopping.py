"""The end of the demo by a signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


class Stopped(BaseException):
    """A signal requested the end; not an Exception, so that no handler treats it as an error."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Stop:
    """Stores the signal that requested the end, and raises Stopped at a safe point.

    Not in the signal handler: raised between the fork of a process and its registration, it would leave the process.
    """

    number = 0

    def request(self, number: int, _: FrameType | None) -> None:
        """Handle a signal."""
        self.number = number

    def check(self) -> None:
        """Raise Stopped if a signal has arrived."""
        if self.number:
            raise Stopped(self.number)
