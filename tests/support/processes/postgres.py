"""A real PostgreSQL that can be stopped, started, paused and resumed."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import uuid4

import psutil
import psycopg

from spanloom_local import postgres
from spanloom_local.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Iterator

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


class Postgres(postgres.Postgres):
    """The demo's server, with the faults that a test causes in it."""

    def new_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"test_{uuid4().hex}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url.replace("/postgres?", f"/{name}?")

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Suspend every process of the server inside the block: connections stay open, without responses."""
        assert self._process
        postmaster = psutil.Process(self._process.popen.pid)
        postmaster.send_signal(signal.SIGSTOP)  # first: a child that ends now stays a zombie and can be signalled
        workers = postmaster.children(recursive=True)
        for process in workers:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in [*workers, postmaster]:
                process.send_signal(signal.SIGCONT)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Run a PostgreSQL server inside the block."""
    # Not below pytest's own directory: PostgreSQL's user cannot enter it.
    with TemporaryDirectory() as directory, Processes(Path(directory)) as processes:
        server = Postgres(processes)
        server.initialise()
        server.start()
        yield server


@contextmanager
def locked_users(url: str) -> Iterator[None]:
    """Lock the table of users against every other connection inside the block."""
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


def waiting_statements(url: str) -> int:
    """Return the number of statements that wait for locks in the database."""
    with psycopg.connect(url) as connection:
        [(count,)] = connection.execute(WAITING).fetchall()
    return int(count)
