"""A process that cleans up after the demo, also when the demo is killed.

Each line of standard input lists all process groups to end. End of file means that the parent has ended (also by
SIGKILL or a crash), on every POSIX system. PR_SET_PDEATHSIG is no alternative: only Linux has it, it follows the thread
that forked instead of the process, and it cannot remove the data directory.
It is run by path and uses only the standard library, so that it starts fast.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time

GRACE_SECONDS = 5.0


def main() -> None:
    """Wait for the end of standard input, then end the last listed groups and remove the directory `sys.argv[1]`."""
    groups: list[int] = []
    for line in sys.stdin:
        groups = [int(word) for word in line.split()]
    end(groups)
    shutil.rmtree(sys.argv[1], ignore_errors=True)


def end(groups: list[int]) -> None:
    """Send SIGINT (fast shutdown of PostgreSQL, graceful one of uvicorn), then SIGKILL after GRACE_SECONDS."""
    deadline = time.monotonic() + GRACE_SECONDS
    send(groups, signal.SIGINT)
    while send(groups, 0) and time.monotonic() < deadline:
        time.sleep(0.05)
    send(groups, signal.SIGKILL)


def send(groups: list[int], number: int) -> bool:
    """Signal every group; return whether at least one still existed."""
    exists = [_send(group, number) for group in groups]
    return any(exists)


def _send(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
