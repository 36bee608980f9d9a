"""The operator's process: its metrics, its CPU and its memory."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from urllib.request import urlopen

import psutil
from bench.operator.cluster import AGENT_IMAGE, CONNECTIONS, HOME
from support.processes.commands import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

WAIT_SECONDS = 120


class OperatorProcess:
    """A running operator."""

    def __init__(self, pid: int, port: int) -> None:
        self._pid, self._port = pid, port

    def metric(self, name: str) -> float:
        """Return a sample, or 0 while there is none."""
        try:
            query = urlencode({"name[]": name.partition("{")[0]})  # all of them take the operator longer
            text = urlopen(f"http://localhost:{self._port}/metrics?{query}", timeout=5).read().decode()
        except OSError:
            return 0
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0

    @property
    def applied(self) -> float:
        """How many Deployments it has written."""
        return self.metric('spanloom_operator_writes_total{result="applied"}')

    def cpu_seconds(self) -> float:
        """Return the CPU time it has used."""
        times = psutil.Process(self._pid).cpu_times()
        return float(times.user + times.system)

    def memory(self) -> float:
        """Return its resident memory in MiB."""
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self._pid}/status").read_text())
        return int(found[1]) / 1024 if found else 0


async def until(check: Callable[[], bool], what: str) -> None:
    """Wait for `check`; TimeoutError with `what`."""
    end = time.monotonic() + WAIT_SECONDS
    while not check():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {WAIT_SECONDS} s: {what}")
        await asyncio.sleep(0.05)  # each question costs the operator a millisecond


@asynccontextmanager
async def running_operator() -> AsyncIterator[OperatorProcess]:
    """Run the operator; the block begins when its watches have begun."""
    metrics, probe = free_port(), free_port()
    mine = {
        "NAMESPACE": HOME,
        "ENDPOINTS": "*",
        "AGENT_IMAGE": AGENT_IMAGE,
        "AGENT_IMAGE_VOLUME": False,
        "CONNECTIONS": CONNECTIONS,
        "METRICS_PORT": metrics,
        "PROBE_PORT": probe,
    }
    settings = {f"SPANLOOM_OPERATOR_{key}": str(value) for key, value in mine.items()}
    command = [sys.executable, "-m", "spanloom_operator"]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env={**os.environ, **settings}, stdout=quiet, stderr=quiet)  # noqa: ASYNC220
    operator = OperatorProcess(process.pid, metrics)
    try:
        await until(lambda: operator.metric("spanloom_operator_ready") == 1, "the operator is ready")
        yield operator
    finally:
        process.terminate()
        process.wait()
