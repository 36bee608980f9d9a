"""A real PostgreSQL that can be stopped, started, paused and resumed."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import psutil
import psycopg

from spanloom_local import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator


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
