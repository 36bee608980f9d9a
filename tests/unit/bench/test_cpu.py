"""CPU time and cores of processes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from bench.cpu import cpu_ns, family, pinned, resident_bytes, shares

BURN = "import time\nwhile time.process_time() < 0.2: pass\n"
PARENT = f"""
import subprocess, sys, threading
subprocess.run([sys.executable, "-c", {BURN!r}])
thread = threading.Thread(target=lambda: exec({BURN!r}))
thread.start()
thread.join()
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
print("ready", flush=True)
sys.stdin.read()
child.communicate(b"\\n")
"""


def test_threads_and_children_count_even_after_their_end() -> None:
    """What an ended thread and an ended child used is charged to their process; a child that lives is in the family."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        assert cpu_ns(process.pid) >= 380_000_000
        assert len(family(process.pid)) == 2
        assert resident_bytes(process.pid) > 1 << 20


def test_a_process_that_is_gone_costs_nothing() -> None:
    """Reading a process that has ended is no error."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert (cpu_ns(process.pid), resident_bytes(process.pid)) == (0, 0)


@pytest.mark.parametrize(("cores", "expected"), [({0, 1}, ({0}, {1})), ({3, 1, 2}, ({1}, {2, 3})), ({5}, ({5}, {5}))])
def test_services_have_a_core_for_themselves_where_there_are_two(
    cores: set[int], expected: tuple[set[int], set[int]]
) -> None:
    """The first core is the services'; everything else shares the rest, or the same one when there is no other."""
    assert shares(cores) == expected


def test_a_process_stays_where_it_was_started() -> None:
    """A process started while pinned keeps the core; ours are as before."""
    before = os.sched_getaffinity(0)
    core = {min(before)}
    with pinned(core):
        command = [sys.executable, "-c", "import os; print(sorted(os.sched_getaffinity(0)))"]
        said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (said.stdout.strip(), os.sched_getaffinity(0)) == (str(sorted(core)), before)
