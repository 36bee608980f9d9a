"""Child processes: started in their own groups, monitored, stopped in reverse order and with their parent."""

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
EXIT_SECONDS = 1.0
KEPT_LINES = 6
RESTART = "Start again with `make demo`."


class StackError(Exception):
    """An error for the user: the message states what happened and what to do.

    `details` are the output lines of the program that failed.
    """

    def __init__(self, message: str, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.details = tuple(details)


def run(command: Sequence[str | Path], failure: str, **options: Any) -> None:
    """Run `command` to its end; StackError with `failure` and its output if its status is not 0.

    Ctrl-C does not reach it, as with all processes here. `options` are those of `subprocess.run`.
    """
    done = subprocess.run(  # noqa: S603 no untrusted command line
        command, capture_output=True, text=True, check=False, start_new_session=True, **options
    )
    if done.returncode:
        lines = (done.stdout + done.stderr).splitlines()
        raise StackError(f"{failure}: {command[0]} {exit_reason(done.returncode)}; its output is above.", lines)


@dataclass(frozen=True, slots=True)
class Process:
    """A running program, the signal that stops it gracefully, and its last output lines."""

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
        """Send the stop signal, wait at most STOP_SECONDS, then send SIGKILL to the whole group."""
        with suppress(ProcessLookupError):
            self.popen.send_signal(self.stop_signal)
        with suppress(subprocess.TimeoutExpired):
            self.popen.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        self.reader.join(1)

    def exit_error(self) -> StackError:
        """Return an error with the reason of its exit and its last output lines."""
        self.reader.join(1)
        message = f"{self.name} {exit_reason(self.popen.returncode)}; the other processes were stopped. {RESTART}"
        return StackError(message, self.lines)


class Processes:
    """The processes of one stack. The context manager stops them all; a guardian does if this process is killed."""

    def __init__(self, directory: Path, interruption: Callable[[], None] = lambda: None) -> None:
        """Run in `directory`, which is removed at the end; `interruption` raises when a stop was requested."""
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
        """Start `command` in the directory, in its own session (Ctrl-C does not reach it), and keep its output.

        `options` are further options of `subprocess.Popen`.
        """
        popen = subprocess.Popen(  # noqa: S603 no untrusted command line
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
        self._update_guardian()
        return process

    def stop(self, process: Process) -> None:
        """Stop a process and no longer monitor it."""
        process.stop()
        self.running.remove(process)
        self._update_guardian()

    def check(self) -> None:
        """Raise StackError if a process ended unexpectedly; the interruption is checked first."""
        self._interruption()
        for process in self.running:
            if not process.alive:
                raise process.exit_error()
        if self.guardian.poll() is not None:
            message = f"the process that cleans up after a crash {exit_reason(self.guardian.returncode)}"
            raise StackError(f"{message}; the other processes were stopped. {RESTART}")

    def raise_for_exit(self, symptom: str) -> Never:
        """Raise StackError with the process whose exit explains `symptom`, or with the symptom if all are running."""
        with suppress(TimeoutError):  # a connection breaks a moment before the exit of its process is visible
            poll_until(self.check, "", EXIT_SECONDS)
        raise StackError(symptom)

    def _update_guardian(self) -> None:
        with suppress(OSError):  # `check` reports a guardian that has ended
            print(*(process.popen.pid for process in self.running), file=_pipe(self.guardian), flush=True)


def exit_reason(returncode: int) -> str:
    """Return `exited with status 3` or `was killed by SIGKILL` for a `Popen.returncode`."""
    if returncode < 0:
        return f"was killed by {signal.Signals(-returncode).name}"
    return f"exited with status {returncode}"


def _guardian(directory: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-I", "-S", guardian.__file__, str(directory)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True)  # noqa: S603 no untrusted command line


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
