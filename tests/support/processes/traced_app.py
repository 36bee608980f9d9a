"""Applications in processes of their own, started under the distribution as users start them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from support.paths import TESTS
from support.polling import poll_until

from spanloom_local.ports import HOST, listen
from spanloom_local.stack import environment

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPTS = Path(sys.executable).parent


class TracedApp:
    """A running process of an application under `opentelemetry-instrument`."""

    def __init__(self, popen: subprocess.Popen[str], url: str, written: IO[str]) -> None:
        self.popen, self.url, self._written = popen, url, written
        self.output = ""

    def get(self, path: str) -> int:
        """Return the status of a GET."""
        with urllib.request.urlopen(self.url + path, timeout=30) as response:
            response.read()
            return int(response.status)

    def is_ready(self) -> bool:
        """Return whether the application responds."""
        try:
            return self.get("/work/0") == 200
        except OSError:
            return False

    def end(self) -> int:
        """Wait for its end, keep its output, and return its status."""
        self.popen.wait(timeout=60)
        self._written.seek(0)
        self.output = self._written.read()
        return self.popen.returncode

    def log_lines(self) -> list[dict[str, Any]]:
        """Return the JSON lines of its standard output."""
        return [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]


@contextmanager
def traced_app(endpoint: str, app: str = "support.processes.sample_app:app", **settings: str) -> Iterator[TracedApp]:
    """Run `app` with this OTLP endpoint; it is killed at the end if it still runs."""
    listener = listen(0)
    command: list[str | Path] = [SCRIPTS / "opentelemetry-instrument", SCRIPTS / "uvicorn", app, "--app-dir", TESTS]
    with TemporaryFile("w+") as written:  # a full pipe would block the process
        with listener:
            popen = subprocess.Popen(
                [*command, "--fd", str(listener.fileno())],
                env=environment(os.environ, "sample", endpoint, settings),
                pass_fds=[listener.fileno()],
                stdout=written,
                stderr=subprocess.STDOUT,
                text=True,
            )
            running = TracedApp(popen, f"http://{HOST}:{listener.getsockname()[1]}", written)
        try:
            poll_until(lambda: running.is_ready() or popen.poll() is not None, f"{app} is ready")
            yield running
        finally:
            popen.kill()
            popen.wait()
