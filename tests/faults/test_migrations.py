"""Migrations that are started at once, or end half-way."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from support.polling import poll_until
from support.processes.commands import ended, start
from support.processes.postgres import Postgres

from spanloom_local.processes import Processes

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from support.plugins.faults import Tell

UP_TO_DATE = (0, "users-db-migrate: the schema is up to date\n")
WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    # Not below pytest's own directory, which is closed to the user that PostgreSQL runs as.
    with TemporaryDirectory() as directory, Processes(Path(directory)) as processes:
        server = Postgres(processes)
        server.initialise()
        server.start()
        yield server


@contextmanager
def half_way(url: str, programs: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Run `users-db-migrate` so often at once, all stopped within their transactions until the block ends."""
    with psycopg.connect(url) as obstacle:
        # Not committed: whoever has made the table of users waits before it makes the index of this name.
        obstacle.execute("CREATE TABLE users_created_at_id ()")
        running = [start("users-db-migrate", USERS_DB_DATABASE_URL=url) for _ in range(programs)]
        poll_until(lambda: waiting(url) == programs, "every migration is under way")
        yield running
        obstacle.rollback()


def waiting(url: str) -> int:
    """Return how many statements wait for locks in the database."""
    [(number,)] = ask(url, WAITING)
    return int(number)


def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.fault("three migrations started at once")
def test_migrations_at_once_are_safe(postgres: Postgres, tell: Tell) -> None:
    """One after the other they all succeed, and the schema is made once."""
    url = postgres.new_database()
    with half_way(url, 3) as running:
        pass
    outcomes = [ended(process) for process in running]
    tell({}, 0, 0, f"{outcomes.count(UP_TO_DATE)} of 3 migrations succeeded")
    assert [UP_TO_DATE] * 3 == outcomes
    assert [("0001",)] == ask(url, "SELECT version_num FROM alembic_version")


@pytest.mark.fault("migration killed half-way (SIGKILL)")
def test_a_migration_killed_half_way_leaves_nothing(postgres: Postgres, tell: Tell) -> None:
    """Nothing of it is left, no lock either: one that waited behind it, started before, does the work."""
    url = postgres.new_database()
    with half_way(url, 1) as [killed], half_way_behind(url) as next_one:
        killed.kill()
        killed.communicate()
    assert UP_TO_DATE == ended(next_one)
    tell({}, 0, 0, "the next migration succeeded")
    assert [("0001",)] == ask(url, "SELECT version_num FROM alembic_version")


@contextmanager
def half_way_behind(url: str) -> Iterator[subprocess.Popen[str]]:
    """Start another migration, which waits for the first one."""
    process = start("users-db-migrate", USERS_DB_DATABASE_URL=url)
    poll_until(lambda: waiting(url) == 2, "the second migration waits")
    yield process
