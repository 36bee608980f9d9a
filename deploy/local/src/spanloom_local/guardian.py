"""A process beside the demo that cleans up when the demo vanishes, however that happens.

Standard input carries the process groups to end, the whole list anew on each line. Its end of file means that the
parent is gone (SIGKILL and a crash included), on every POSIX system alike. Not PR_SET_PDEATHSIG: Linux alone has
it, it follows the thread that forked rather than the process, and it cannot remove the data directory.
Run by path with the standard library alone, so that it starts at once.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time

GRACE_SECONDS = 5.0


def main() -> None:
    """Wait for the end of standard input, then end the groups last named and remove the directory `sys.argv[1]`."""
    groups: list[int] = []
    for line in sys.stdin:
        groups = [int(word) for word in line.split()]
    end(groups)
    shutil.rmtree(sys.argv[1], ignore_errors=True)


def end(groups: list[int]) -> None:
    """SIGINT (PostgreSQL's fast shutdown, uvicorn's orderly one), then SIGKILL to what is left after the grace."""
    deadline = time.monotonic() + GRACE_SECONDS
    send(groups, signal.SIGINT)
    while send(groups, 0) and time.monotonic() < deadline:
        time.sleep(0.05)
    send(groups, signal.SIGKILL)


def send(groups: list[int], number: int) -> bool:
    """Signal every group; true when at least one was still there."""
    there = [_send(group, number) for group in groups]
    return any(there)


def _send(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
