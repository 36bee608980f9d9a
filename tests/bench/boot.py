"""`make bench-agent`: what the agent adds to the start of a process, with and without bytecode in its directory.

Each program runs bare and under the agent in turn, in fresh processes: without hooked libraries, or until the first
request of an application is handled. Medians; a busy machine changes times by a multiple, so CPU time is the figure to
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
from bench.environments import HOMES, install
from support.paths import ROOT
from support.processes.environments import NotInstalledError

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNS = int(os.environ.get("RUNS", "40"))
BUILD = ROOT / "services/telemetry/agent/build.py"
HOME = "boot"
MILLISECONDS, KIBIBYTES_PER_MIB = 1000, 1024
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


def started(python: Path, program: str, environ: Mapping[str, str]) -> Start:
    """Run a program in a fresh process."""
    began = time.perf_counter()
    process = subprocess.Popen([python, "-c", PROGRAM % program], env=environ)
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
    """Print a row for each program and each directory of the agent."""
    install(HOME)
    python = HOMES / HOME / "bin/python"
    bare = {key: value for key, value in os.environ.items() if not key.startswith(FOREIGN)}
    print(f"{'':42} {'CPU ms':>8} {'added':>8} {'wall ms':>8} {'added':>8} {'MiB':>8} {'added':>8}")
    with TemporaryDirectory() as folder:
        directories = {"bytecode": [python], "sources only": []}
        for name, pythons in directories.items():
            subprocess.run([sys.executable, BUILD, Path(folder, name), *pythons], check=True)
        for title, program in PROGRAMS.items():
            _compare(title, program, python, {name: _under(bare, Path(folder, name)) for name in directories}, bare)


def _under(bare: Mapping[str, str], directory: Path) -> dict[str, str]:
    return {**bare, "PYTHONPATH": str(directory), "PYTHONDONTWRITEBYTECODE": "1"}  # as on a read-only volume


def _compare(title: str, program: str, python: Path, ways: dict[str, dict[str, str]], bare: dict[str, str]) -> None:
    """Run the program in every way in turn; the first turn fills the caches of files and does not count."""
    turns = [[started(python, program, environ) for environ in (bare, *ways.values())] for _ in range(RUNS + 1)][1:]
    untraced, *traced = (middle(list(column)) for column in zip(*turns, strict=True))
    for name, start in zip(ways, traced, strict=True):
        print(line(f"{title}, {name}", untraced, start), flush=True)


if __name__ == "__main__":
    try:
        main()
    except NotInstalledError as error:
        sys.exit(str(error))
