"""CPU time of a process with all its threads and children, its memory, and the core that it runs on.

The kernel's clock of a process counts nanoseconds of all its threads, ended ones included; /proc/PID/stat, which counts
ticks of 10 ms, is read only for children that have ended.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

PROC = Path("/proc")
NANOSECONDS_PER_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
BYTES_PER_KIBIBYTE = 1024
REAPED_CHILDREN = slice(13, 15)  # cutime and cstime, counted after the command's name (proc_pid_stat(5))


def family(pid: int) -> list[int]:
    """Return `pid` and all of its descendants."""
    children: list[str] = []
    with suppress(OSError):  # it ended meanwhile
        for task in (PROC / str(pid) / "task").iterdir():
            children += (task / "children").read_text().split()
    return [pid, *(below for child in children for below in family(int(child)))]


def cpu_ns(pid: int) -> int:
    """Return the CPU time, in nanoseconds, that `pid` and all its descendants have used, ended ones included."""
    return sum(_own_ns(each) + _reaped_ns(each) for each in family(pid))


def _own_ns(pid: int) -> int:
    clock = (~pid << 3) | 2  # MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED), as in clock_getcpuclockid(3)
    try:
        return time.clock_gettime_ns(clock)
    except OSError:
        return 0


def _reaped_ns(pid: int) -> int:
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return 0
    return sum(map(int, stat.rpartition(")")[2].split()[REAPED_CHILDREN])) * NANOSECONDS_PER_TICK


def resident_bytes(pid: int) -> int:
    """Return the resident memory of `pid` and its descendants, in bytes."""
    return sum(_resident(each) for each in family(pid))


def _resident(pid: int) -> int:
    try:
        status = (PROC / str(pid) / "status").read_text()
    except OSError:
        return 0
    lines = (line.split() for line in status.splitlines() if line.startswith("VmRSS:"))
    return sum(int(words[1]) for words in lines) * BYTES_PER_KIBIBYTE


def split_cores(cores: Collection[int]) -> tuple[set[int], set[int]]:
    """Return the core of the services and the cores of everything else; the same core twice if there is only one."""
    first, *rest = sorted(cores)
    return {first}, set(rest) or {first}


@contextmanager
def pinned(cores: Collection[int]) -> Iterator[None]:
    """Pin this process to `cores` inside the block; a process started meanwhile stays pinned."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
