"""CPU time and cores of processes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from bench.cpu import cpu_ns, family, pinned, resident_bytes, split_cores

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


def test_ended_threads_and_children_count() -> None:
    """CPU time of an ended thread and an ended child counts for their process; a live child is in the family."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        assert cpu_ns(process.pid) >= 380_000_000
        assert len(family(process.pid)) == 2
        assert resident_bytes(process.pid) > 1 << 20


def test_an_ended_process_has_no_cost() -> None:
    """Reading a process that has ended is no error."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert (cpu_ns(process.pid), resident_bytes(process.pid)) == (0, 0)


@pytest.mark.parametrize(("cores", "expected"), [({0, 1}, ({0}, {1})), ({3, 1, 2}, ({1}, {2, 3})), ({5}, ({5}, {5}))])
def test_services_have_a_core_of_their_own(cores: set[int], expected: tuple[set[int], set[int]]) -> None:
    """The first core is for the services; everything else shares the others, or the same if there is no other."""
    assert split_cores(cores) == expected


def test_a_process_stays_pinned() -> None:
    """A process started while pinned keeps the core; the parent's affinity is restored."""
    before = os.sched_getaffinity(0)
    core = {min(before)}
    with pinned(core):
        command = [sys.executable, "-c", "import os; print(sorted(os.sched_getaffinity(0)))"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), os.sched_getaffinity(0)) == (str(sorted(core)), before)
