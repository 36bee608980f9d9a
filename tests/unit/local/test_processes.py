"""Processes that end with the one who started them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it has no types of its own
import pytest
from support.polling import poll_until

from spanloom_local.processes import Processes, StackError, how, run

SLEEP = [sys.executable, "-c", "import time; open('ready', 'w'); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); open('ready', 'w'); time.sleep(600)",
]
# Starts one process, says both ids, and is then killed by the test.
OWNER = """
import sys, time
from pathlib import Path
from spanloom_local.processes import Processes
processes = Processes(Path(sys.argv[1]))
print(processes.start("child", sys.argv[2:], env={}).popen.pid, processes.guardian.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    with Processes(tmp_path) as started:
        yield started


@pytest.mark.parametrize(("returncode", "words"), [(3, "by itself with status 3"), (-9, "by SIGKILL")])
def test_an_end_is_told_in_words(returncode: int, words: str) -> None:
    """A status, or the signal's name."""
    assert words == how(returncode)


def test_nothing_runs_after_the_block(tmp_path: Path) -> None:
    """Everything is stopped in the reverse order of its start, the guardian last, and the directory goes."""
    (tmp_path / "data").mkdir()
    with Processes(tmp_path / "data") as processes:
        first, second = (processes.start(name, SLEEP, env={}) for name in ("first", "second"))
    assert [False, False] == [first.alive, second.alive]
    assert 0 == processes.guardian.returncode
    assert not (tmp_path / "data").exists()


def test_a_process_that_ends_is_named_with_its_last_lines(processes: Processes) -> None:
    """Who, how, and what it said."""
    process = processes.start("clock", [sys.executable, "-c", "print('no spring'); raise SystemExit(3)"], env={})
    process.popen.wait()
    with pytest.raises(StackError, match="clock ended by itself with status 3") as error:
        processes.check()
    assert ("no spring",) == error.value.details


def test_a_killed_process_explains_a_broken_connection(processes: Processes) -> None:
    """The symptom alone would tell less."""
    processes.start("clock", SLEEP, env={}).popen.kill()
    with pytest.raises(StackError, match="clock ended by SIGKILL"):
        processes.blame("connection refused")


def test_without_a_culprit_the_symptom_is_told(processes: Processes) -> None:
    """Everything runs: what was seen is all there is to say."""
    with pytest.raises(StackError, match="connection refused"):
        processes.blame("connection refused")


def test_a_killed_guardian_is_noticed(processes: Processes) -> None:
    """Without it a crash would leave processes behind."""
    processes.guardian.kill()
    processes.guardian.wait()
    with pytest.raises(StackError, match="cleans up after a crash ended by SIGKILL"):
        processes.check()


@pytest.mark.parametrize("command", [SLEEP, STUBBORN], ids=["obedient", "deaf to SIGINT"])
def test_nothing_is_left_when_the_owner_is_killed(command: list[str], tmp_path: Path) -> None:
    """SIGKILL of the owner: its children end, by force if need be, and their directory is removed."""
    directory = tmp_path / "data"
    directory.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(directory), *command], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout
        pids = [int(word) for word in owner.stdout.readline().split()]
        poll_until((directory / "ready").exists, "the child is ready")
        owner.kill()
    poll_until(_gone(pids), "the child and the guardian have ended")
    assert not directory.exists()


def test_a_command_that_fails_shows_what_it_wrote() -> None:
    """The message names the command and its end, the details are its lines."""
    with pytest.raises(StackError, match=r"no schema: .* ended by itself with status 2") as error:
        run([sys.executable, "-c", "print('no table'); raise SystemExit(2)"], "no schema")
    assert ("no table",) == error.value.details


def test_ctrl_c_reaches_the_owner_alone(processes: Processes) -> None:
    """A child is in a group of its own, so it is stopped in order and not by the terminal."""
    child = processes.start("child", SLEEP, env={})
    assert os.getpgid(child.popen.pid) not in (os.getpgid(0), os.getpgid(processes.guardian.pid))
    assert signal.SIGTERM == child.stop_signal


def _gone(pids: list[int]) -> Callable[[], bool]:
    return lambda: not any(map(_runs, pids))


def _runs(pid: int) -> bool:
    """Ask the process itself: between "does it exist" and a second question it may end."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
