"""Real processes that end with us: started in groups of their own, watched, stopped in reverse order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import IO, TYPE_CHECKING, Any, Never, Self

from spanloom_local import guardian
from spanloom_local.polling import poll_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

STOP_SECONDS = 10.0
BLAME_SECONDS = 1.0
KEPT_LINES = 6
AGAIN = "Start again with `make demo`."


class StackError(Exception):
    """Something the person at the terminal can act on: the message says what happened and what to do.

    `details` are the lines written by the program that failed.
    """

    def __init__(self, message: str, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.details = tuple(details)


def run(command: Sequence[str | Path], failure: str, **options: Any) -> None:
    """Run `command` to its end; StackError with `failure` and what it wrote when its status is not 0.

    It is out of the reach of Ctrl-C, like all processes here. `options` are those of `subprocess.run`.
    """
    done = subprocess.run(  # noqa: S603 every command line is ours
        command, capture_output=True, text=True, check=False, start_new_session=True, **options
    )
    if done.returncode:
        lines = (done.stdout + done.stderr).splitlines()
        raise StackError(f"{failure}: {command[0]} ended {how(done.returncode)}; it wrote the lines above.", lines)


@dataclass(frozen=True, slots=True)
class Process:
    """One running program, the signal that ends it in good order, and the last lines it wrote."""

    name: str
    popen: subprocess.Popen[str]
    stop_signal: signal.Signals
    lines: deque[str]
    reader: Thread

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.popen.poll() is None

    def stop(self) -> None:
        """Ask it to end, wait at most STOP_SECONDS, then end its whole group by force."""
        with suppress(ProcessLookupError):
            self.popen.send_signal(self.stop_signal)
        with suppress(subprocess.TimeoutExpired):
            self.popen.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        self.reader.join(1)

    def ended(self) -> StackError:
        """Say that it ended, and how, with its last lines."""
        self.reader.join(1)
        message = f"{self.name} ended {how(self.popen.returncode)}, so the rest was stopped, too. {AGAIN}"
        return StackError(message, self.lines)


class Processes:
    """The processes of one stack. As a context manager it stops them all, and a guardian does when we cannot."""

    def __init__(self, directory: Path, interruption: Callable[[], None] = lambda: None) -> None:
        """Work in `directory`, which is removed at the end; `interruption` raises when someone asked us to stop."""
        self.directory, self._interruption = directory, interruption
        self.running: list[Process] = []
        self.guardian = _guardian(directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(list(self.running)):
            self.stop(process)
        with suppress(OSError):
            _pipe(self.guardian).close()
        self.guardian.wait()

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        stop_signal: signal.Signals = signal.SIGTERM,
        **options: Any,
    ) -> Process:
        """Start `command` in our directory, in its own session (Ctrl-C reaches us alone), its output kept.

        `options` are more of those of `subprocess.Popen`.
        """
        popen = subprocess.Popen(  # noqa: S603 every command line is ours
            command,
            cwd=self.directory,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            **options,
        )
        lines: deque[str] = deque(maxlen=KEPT_LINES)
        process = Process(name, popen, stop_signal, lines, _reader(_pipe_out(popen), lines))
        self.running.append(process)
        self._tell_guardian()
        return process

    def stop(self, process: Process) -> None:
        """Stop one of ours and watch it no longer."""
        process.stop()
        self.running.remove(process)
        self._tell_guardian()

    def check(self) -> None:
        """StackError when one of ours ended without being asked to; whatever the interruption raises comes first."""
        self._interruption()
        for process in self.running:
            if not process.alive:
                raise process.ended()
        if self.guardian.poll() is not None:
            message = f"the process that cleans up after a crash ended {how(self.guardian.returncode)}"
            raise StackError(f"{message}, so the rest was stopped, too. {AGAIN}")

    def blame(self, symptom: str) -> Never:
        """Raise StackError with the process whose end explains `symptom`, or with the symptom when all are well."""
        with suppress(TimeoutError):  # a connection may break a moment before its process is seen to have ended
            poll_until(self.check, "", BLAME_SECONDS)
        raise StackError(symptom)

    def _tell_guardian(self) -> None:
        with suppress(OSError):  # a guardian that is gone is what `check` reports
            print(*(process.popen.pid for process in self.running), file=_pipe(self.guardian), flush=True)


def how(returncode: int) -> str:
    """`by itself with status 3` or `by SIGKILL`, from what `Popen.returncode` says."""
    if returncode < 0:
        return f"by {signal.Signals(-returncode).name}"
    return f"by itself with status {returncode}"


def _guardian(directory: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-I", "-S", guardian.__file__, str(directory)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True)  # noqa: S603 ours


def _reader(output: IO[str], lines: deque[str]) -> Thread:
    def read() -> None:
        with output:
            lines.extend(line.rstrip() for line in output)

    thread = Thread(target=read, daemon=True)
    thread.start()
    return thread


def _pipe(popen: subprocess.Popen[str]) -> IO[str]:
    assert popen.stdin is not None  # noqa: S101 - Popen was given stdin=PIPE
    return popen.stdin


def _pipe_out(popen: subprocess.Popen[str]) -> IO[str]:
    assert popen.stdout is not None  # noqa: S101 - Popen was given stdout=PIPE
    return popen.stdout
