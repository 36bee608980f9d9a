"""`make bench-agent`: what telemetry adds to the start of a process.

Each program runs bare and under the agent in turn, in fresh processes, with and without bytecode in the agent's
directory: without hooked libraries, or until the first request of an application is handled. users-api is loaded under
the distribution, too, and under opentelemetry-instrument with OTEL_SDK_DISABLED, which is the launcher's own part.
Medians; a busy machine changes times by a multiple, so CPU time is the figure to
compare. Garbage collection is off: in which part of a start a collection falls depends on a few objects more or less.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from bench.arms import FOREIGN
from bench.environments import HOMES, SHIPPED, install
from support.paths import ROOT
from support.processes.environments import NotInstalledError

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNS = int(os.environ.get("RUNS", "40"))
BUILD = ROOT / "services/telemetry/agent/build.py"
HOME = "boot"
MILLISECONDS, KIBIBYTES_PER_MIB = 1000, 1024
SERVICE = "from uvicorn.config import Config\nConfig('users_api.app:create_app', factory=True).load()"
PROGRAM = "import gc; gc.disable()\n%s\nimport os; os._exit(0)  # without the flush at exit, for which nothing listens"
PROGRAMS = {
    "no hooked library": "import json",
    "Flask": """
from flask import Flask
from werkzeug.test import create_environ
app = Flask("shop")
app.route("/")(lambda: "ok")
list(app(create_environ("/"), lambda status, headers: None))
""",
    "FastAPI under uvicorn": """
import asyncio, uvicorn
from fastapi import FastAPI
app = FastAPI()
app.get("/")(lambda: "ok")
async def receive(): return {"type": "http.request"}
async def send(message): pass
scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b"", "http_version": "1.1"}
asyncio.run(app(scope, receive, send))
""",
}


class Start(NamedTuple):
    """One process: wall and CPU time in milliseconds, and its largest memory in MiB."""

    wall: float
    cpu: float
    memory: float


class Way(NamedTuple):
    """How a program is started: the words of the command before the program, and the environment."""

    words: tuple[str | Path, ...]
    environ: Mapping[str, str]


def started(program: str, way: Way) -> Start:
    """Run a program in a fresh process."""
    began = time.perf_counter()
    process = subprocess.Popen([*way.words, "-c", PROGRAM % program], env=way.environ)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = status
    if status:
        sys.exit(f"the program failed with status {status}")
    wall, cpu = time.perf_counter() - began, used.ru_utime + used.ru_stime
    return Start(wall * MILLISECONDS, cpu * MILLISECONDS, used.ru_maxrss / KIBIBYTES_PER_MIB)


def middle(starts: list[Start]) -> Start:
    """Return the median of each figure."""
    return Start(*(median(figures) for figures in zip(*starts, strict=True)))


def line(title: str, bare: Start, traced: Start) -> str:
    """Return a row: what a bare process takes, and what the agent adds."""
    added = Start(*(after - before for before, after in zip(bare, traced, strict=True)))
    times = f"{bare.cpu:8.1f} {added.cpu:+8.1f} {bare.wall:8.1f} {added.wall:+8.1f}"
    return f"{title:42} {times} {bare.memory:8.1f} {added.memory:+8.1f}"


def main() -> None:
    """Print a row for each program and each way of tracing it."""
    for home in (HOME, SHIPPED):
        install(home)
    bare = {key: value for key, value in os.environ.items() if not key.startswith(FOREIGN)}
    print(f"{'':42} {'CPU ms':>8} {'added':>8} {'wall ms':>8} {'added':>8} {'MiB':>8} {'added':>8}")
    with TemporaryDirectory() as folder:
        for title, program in PROGRAMS.items():
            _compare(title, program, _agents(Path(folder), HOMES / HOME / "bin/python", bare))
        _compare("users-api loaded", SERVICE, _distributions(HOMES / SHIPPED / "bin", bare))


def _agents(folder: Path, python: Path, bare: Mapping[str, str]) -> dict[str, Way]:
    """Return the ways of a Python: bare, and under the agent with and without bytecode."""
    ways = {"": Way((python,), bare)}
    for name, pythons in {"bytecode": [python], "sources only": []}.items():
        subprocess.run([sys.executable, BUILD, folder / name, *pythons], check=True)
        path = {"PYTHONPATH": str(folder / name), "PYTHONDONTWRITEBYTECODE": "1"}  # as on a read-only volume
        ways[name] = Way((python,), {**bare, **path})
    return ways


def _distributions(programs: Path, bare: Mapping[str, str]) -> dict[str, Way]:
    """Return the ways of the services' environment: bare, under the launcher alone, and under the distribution."""
    launched = (programs / "opentelemetry-instrument", programs / "python")
    bare = {**bare, "USERS_API_USERS_DB_URL": "http://127.0.0.1:9"}
    ours = {**bare, "OTEL_PYTHON_DISTRO": "spanloom", "OTEL_SERVICE_NAME": "users-api"}
    return {
        "": Way(launched[1:], bare),
        "launcher alone": Way(launched, {**ours, "OTEL_SDK_DISABLED": "true"}),
        "distribution": Way(launched, ours),
    }


def _compare(title: str, program: str, ways: dict[str, Way]) -> None:
    """Run the program in every way in turn; the first turn fills the caches of files and does not count."""
    turns = [[started(program, way) for way in ways.values()] for _ in range(RUNS + 1)][1:]
    untraced, *traced = (middle(list(column)) for column in zip(*turns, strict=True))
    for name, start in zip(list(ways)[1:], traced, strict=True):
        print(line(f"{title}, {name}", untraced, start), flush=True)


if __name__ == "__main__":
    try:
        main()
    except NotInstalledError as error:
        sys.exit(str(error))
