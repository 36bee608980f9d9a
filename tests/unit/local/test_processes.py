"""Child processes that end with their parent."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it has no types of its own
import pytest
from support.polling import poll_until

from spanloom_local.processes import Processes, StackError, exit_reason, run

SLEEP = [sys.executable, "-c", "import time; open('ready', 'w'); time.sleep(600)"]
IGNORES_SIGINT = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); open('ready', 'w'); time.sleep(600)",
]
# Starts one process, prints both ids, and is then killed by the test.
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


@pytest.mark.parametrize(("returncode", "words"), [(3, "exited with status 3"), (-9, "was killed by SIGKILL")])
def test_an_exit_is_described(returncode: int, words: str) -> None:
    """An exit is described by its status or the name of its signal."""
    assert words == exit_reason(returncode)


def test_nothing_runs_after_the_block(tmp_path: Path) -> None:
    """Processes stop in the reverse order of their start, the guardian last, and the directory is removed."""
    (tmp_path / "data").mkdir()
    with Processes(tmp_path / "data") as processes:
        first, second = (processes.start(name, SLEEP, env={}) for name in ("first", "second"))
    assert [False, False] == [first.alive, second.alive]
    assert 0 == processes.guardian.returncode
    assert not (tmp_path / "data").exists()


def test_an_ended_process_is_reported(processes: Processes) -> None:
    """The error names the process, its exit and its last lines."""
    process = processes.start("clock", [sys.executable, "-c", "print('no spring'); raise SystemExit(3)"], env={})
    process.popen.wait()
    with pytest.raises(StackError, match="clock exited with status 3") as error:
        processes.check()
    assert ("no spring",) == error.value.details


def test_an_ended_process_explains_an_exception(processes: Processes) -> None:
    """The error names the ended process as the cause of the exception."""
    processes.start("clock", SLEEP, env={}).popen.kill()
    with pytest.raises(StackError, match="clock was killed by SIGKILL"):
        processes.raise_for_exit("connection refused")


def test_an_exception_without_an_ended_process_is_kept(processes: Processes) -> None:
    """While every process runs, the exception itself is reported."""
    with pytest.raises(StackError, match="connection refused"):
        processes.raise_for_exit("connection refused")


def test_a_killed_guardian_is_an_error(processes: Processes) -> None:
    """Without the guardian, a crash would leave processes behind."""
    processes.guardian.kill()
    processes.guardian.wait()
    with pytest.raises(StackError, match="cleans up after a crash was killed by SIGKILL"):
        processes.check()


@pytest.mark.parametrize("command", [SLEEP, IGNORES_SIGINT], ids=["handles SIGINT", "ignores SIGINT"])
def test_a_killed_parent_leaves_nothing(command: list[str], tmp_path: Path) -> None:
    """After SIGKILL of the parent its children end, by SIGKILL if necessary, and their directory is removed."""
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


def test_a_failed_command_shows_its_output() -> None:
    """The message names the command and its exit, the details are its output."""
    with pytest.raises(StackError, match=r"no schema: .* exited with status 2") as error:
        run([sys.executable, "-c", "print('no table'); raise SystemExit(2)"], "no schema")
    assert ("no table",) == error.value.details


def test_ctrl_c_reaches_the_parent_only(processes: Processes) -> None:
    """A child has a process group of its own, so that it is stopped in order and not by the terminal."""
    child = processes.start("child", SLEEP, env={})
    assert os.getpgid(child.popen.pid) not in (os.getpgid(0), os.getpgid(processes.guardian.pid))
    assert signal.SIGTERM == child.stop_signal


def _gone(pids: list[int]) -> Callable[[], bool]:
    return lambda: not any(map(_runs, pids))


def _runs(pid: int) -> bool:
    """Return whether the process runs; one call, because it may end between two."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
