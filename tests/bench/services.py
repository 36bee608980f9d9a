"""The processes of a run: PostgreSQL, the sink, and both services of each arm."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psycopg
from bench.arms import SERVICES
from bench.cpu import cpu_ns, pinned, resident_bytes
from bench.environments import SHIPPED, home_of
from bench.load import Client

from spanloom_local.journey import send
from spanloom_local.polling import poll_until
from spanloom_local.ports import HOST, listen
from spanloom_local.postgres import Postgres
from spanloom_local.processes import Process, Processes, run
from spanloom_local.stack import wait_until_ready

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Collection, Iterator, Sequence

    from bench.arms import Arm

TESTS = Path(__file__).parent.parent
READY_SECONDS = 60.0
KEEP_ALIVE = "600"  # seconds: an arm waits for the others, and by default uvicorn closes an idle connection after 5 s
MAX_CONNECTIONS = 300  # every arm has a pool of 10


@dataclass(frozen=True)
class Running:
    """The ready processes of one arm."""

    arm: Arm
    client: Client
    processes: tuple[Process, ...]
    start_seconds: float

    @property
    def cpu_ns(self) -> int:
        """CPU time of both services since their start, in nanoseconds."""
        return sum(cpu_ns(process.popen.pid) for process in self.processes)

    @property
    def resident_bytes(self) -> int:
        """Resident memory of both services, in bytes."""
        return sum(resident_bytes(process.popen.pid) for process in self.processes)


class Site:
    """The parts that all arms share, and the start of an arm."""

    def __init__(self, directory: Path, processes: Processes, cores: Collection[int]) -> None:
        self.directory, self.processes = directory, processes
        self._cores = cores
        self._sinks: dict[str, str] = {}

    def start_sink(self, arms: Sequence[Arm]) -> None:
        """Start the sink, listening on one port for each arm."""
        listeners = [listen(0) for _ in arms]
        for arm, listener in zip(arms, listeners, strict=True):
            self._sinks[arm.name] = f"http://{HOST}:{listener.getsockname()[1]}"
        descriptors = [listener.fileno() for listener in listeners]
        self.sink = self.processes.start(
            "sink",
            [sys.executable, "-m", "bench.sink", self.directory, *map(str, descriptors)],
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            pass_fds=descriptors,
        )
        for listener in listeners:
            listener.close()
        poll_until(self._sink_listens, "the sink listens")

    def _sink_listens(self) -> bool:
        self.processes.check()
        return "listening" in self.sink.lines

    def start_database(self) -> None:
        """Start PostgreSQL with enough connections for the pools of all arms, and create the table of users."""
        postgres = Postgres(self.processes)
        postgres.initialise()
        postgres.start()
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET max_connections = {MAX_CONNECTIONS}")
        postgres.stop()
        postgres.start()
        self._database = {"USERS_DB_DATABASE_URL": postgres.url}
        migrate = home_of(SHIPPED).program("users-db-migrate")
        run([migrate], "the database migration failed", env={**self._clean(), **self._database})

    def start(self, arm: Arm) -> tuple[str, tuple[Process, ...], float]:
        """Start both services of `arm`, one after the other; return the edge's URL, both, and the seconds."""
        began = time.monotonic()
        settings, processes, url = self._database, list[Process](), ""
        for service in SERVICES:
            process, url = self._service(arm, service, listen(0), settings)
            processes.append(process)
            settings = {"USERS_API_USERS_DB_URL": url}
        return url, tuple(processes), time.monotonic() - began

    def _service(
        self, arm: Arm, service: str, listener: socket.socket, settings: dict[str, str]
    ) -> tuple[Process, str]:
        home, url = home_of(arm.home), f"http://{HOST}:{listener.getsockname()[1]}"
        factory = arm.factory.format(package=SERVICES[service])
        server = ["--factory", factory, "--fd", str(listener.fileno()), "--no-access-log"]
        launcher = [home.program(name) for name in arm.launcher]
        command: list[str | Path] = [*launcher, home.program("uvicorn"), *server, "--timeout-keep-alive", KEEP_ALIVE]
        environment = arm.environment(os.environ, service, self._sinks[arm.name]) | home.environment | settings
        with listener, pinned(self._cores):
            name = f"{service} of the arm {arm.name}"
            process = self.processes.start(name, command, env=environment, pass_fds=[listener.fileno()])
        wait_until_ready(self.processes, process, url, READY_SECONDS)
        return process, url

    def _clean(self) -> dict[str, str]:
        return {key: value for key, value in os.environ.items() if not key.startswith("USERS_")}


@contextmanager
def running(
    arms: Sequence[Arm], cores: Collection[int], kept: Path, progress: Callable[[str], object]
) -> Iterator[list[Running]]:
    """Run every arm in fresh processes on `cores`; the sink stores their requests in the directory `kept`."""
    with (
        TemporaryDirectory(prefix="spanloom-", ignore_cleanup_errors=True) as directory,
        Processes(Path(directory)) as processes,
        ExitStack() as clients,
    ):
        site = Site(kept, processes, cores)
        progress("PostgreSQL and the sink")
        site.start_database()
        site.start_sink(arms)
        user, started = "", []
        for arm in arms:
            progress(arm.title)
            url, services, seconds = site.start(arm)
            user = user or send(url, "POST", "/users", {"name": "Ada Lovelace"}).body["id"]
            client = clients.enter_context(Client(url, f"/users/{user}", arm.headers))
            started.append(Running(arm, client, services, seconds))
        yield started
