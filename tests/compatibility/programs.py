"""Applications as processes, bare and with telemetry."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, NamedTuple

import pytest
from compatibility.versions import AGENT
from support.polling import poll_until
from support.processes import free_port, listens
from support.processes.environments import has_python, install_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import IO

HERE = Path(__file__).parent
ENVIRONMENTS = HERE / "environments"
APPLICATIONS = HERE / "applications"
UVICORN = ["uvicorn", "{app}:app", "--port", "{port}"]
AGAIN_SECONDS = 60  # servers have timeouts of their own, of 30 seconds
OURS = ("OTEL_", "SPANLOOM_", "PYTHONPATH", "VIRTUAL_ENV")


class Door(NamedTuple):
    """How telemetry gets into a process: words in front of its command, and variables."""

    prefix: tuple[str, ...] = ()
    environ: Mapping[str, str] = {}

    def to(self, endpoint: str) -> Door:
        """Return the same way in with a receiver, and the name of the service."""
        settings = {
            "OTEL_SERVICE_NAME": "application",
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_METRICS_EXPORTER": "none",
        }
        return self._replace(environ={**settings, **self.environ})


BARE = Door()
DISTRIBUTION = Door(("opentelemetry-instrument",), {"OTEL_PYTHON_DISTRO": "spanloom"})


def agent(directory: Path) -> Door:
    """Return the agent that was built into a directory."""
    return Door((), {"PYTHONPATH": str(directory)})


@dataclass
class Program:
    """A process of an application; `status`, `out` and `err` are there once it has ended."""

    popen: subprocess.Popen[bytes]
    url: str
    files: tuple[IO[bytes], IO[bytes]]
    status: int = 0
    out: str = ""
    err: str = ""
    responses: list[tuple[str, int, str]] = field(default_factory=list)

    def send(self, *requests: str, **headers: str) -> None:
        """Send `GET path` or `METHOD path` one after the other, and keep status and body of the responses."""
        for request in requests:
            method, _, path = request.rpartition(" ")
            self.responses.append((request, *self._send(method or "GET", path, headers)))

    def _send(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
        request = urllib.request.Request(self.url + path, method=method, headers=dict(headers))
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and return the exit status.

        A signal that arrives while Python's main thread begins to wait for a lock is handled at the next signal, also
        without telemetry; so it is sent again.
        """
        for _ in range(2):
            self.popen.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                return self.wait(AGAIN_SECONDS)
        return self.wait()

    def wait(self, timeout: float = 90) -> int:
        """Wait for the end, `timeout` seconds at most, and return the exit status; negative for a signal."""
        self.status = self.popen.wait(timeout=timeout)
        self.out, self.err = (_content(file) for file in self.files)
        return self.status

    @property
    def lines(self) -> list[str]:
        """What it wrote, without numbers, times and lines of the distribution itself."""
        written = (self.out + self.err).splitlines()
        return [re.sub(r"\d+", "N", line) for line in written if not line.startswith("spanloom: ")]


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def installed(name: str) -> Path:
    """Return the directory of an environment by its name; the test is skipped without the Python of one."""
    if name not in AGENT:
        return install_environment(ENVIRONMENTS / f"{name}.txt")
    python = AGENT[name].python
    if not has_python(python):
        pytest.skip(f"Python {python} is not on this machine; `uv python install` installs it")
    return install_environment(ENVIRONMENTS / f"{name}.txt", python, has_distribution=False)


@contextmanager
def program(
    home: Path, app: str, command: Sequence[str] = UVICORN, door: Door = BARE, **environ: str
) -> Iterator[Program]:
    """Run `command` (with {app} and {port}) in `home`, bare or traced."""
    port = free_port()
    words = [*door.prefix, *(word.format(app=app, port=port) for word in command)]
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
    path = f"{home / 'bin'}:{inherited['PATH']}"
    env = {**inherited, "PATH": path, "PYTHONUNBUFFERED": "1", **door.environ, **environ}
    with TemporaryFile() as out, TemporaryFile() as err:  # a pipe without a reader would stop the process
        popen = subprocess.Popen(words, cwd=APPLICATIONS, env=env, stdout=out, stderr=err, start_new_session=True)
        found = Program(popen, f"http://127.0.0.1:{port}", (out, err))
        try:
            if any("{port}" in word for word in command):
                poll_until(lambda: listens(port) or popen.poll() is not None, f"{app} listens", 90)
            yield found
        finally:
            _kill(popen)


def _kill(popen: subprocess.Popen[bytes]) -> None:
    """Kill a process and those that it started."""
    with suppress(ProcessLookupError):
        os.killpg(popen.pid, signal.SIGKILL)
    popen.wait()


def closed_port() -> str:
    """Return an address without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"
