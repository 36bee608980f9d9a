"""Migrations that run at the same time, or are killed before their commit."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from support.polling import poll_until
from support.processes.commands import ended, start
from support.processes.postgres import Postgres, running_postgres, waiting_statements

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from support.plugins.faults import Record

UP_TO_DATE = (0, "users-db-migrate: the schema is up to date\n")


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@contextmanager
def uncommitted(url: str, programs: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Run several `users-db-migrate` at the same time, each blocked in its transaction until the block ends."""
    with psycopg.connect(url) as obstacle:
        # Not committed: a migration that has created the table waits before it creates the index of this name.
        obstacle.execute("CREATE TABLE users_created_at_id ()")
        running = [start("users-db-migrate", USERS_DB_DATABASE_URL=url) for _ in range(programs)]
        poll_until(lambda: waiting_statements(url) == programs, "every migration has begun")
        yield running
        obstacle.rollback()


def query(url: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(sql).fetchall()


@pytest.mark.fault("three migrations started at once")
def test_concurrent_migrations_are_safe(postgres: Postgres, record: Record) -> None:
    """They run one after the other, all succeed, and the schema is created once."""
    url = postgres.new_database()
    with uncommitted(url, 3) as running:
        pass
    outcomes = [ended(process) for process in running]
    record({}, 0, 0, f"{outcomes.count(UP_TO_DATE)} of 3 migrations succeeded")
    assert [UP_TO_DATE] * 3 == outcomes
    assert [("0001",)] == query(url, "SELECT version_num FROM alembic_version")


@pytest.mark.fault("migration killed (SIGKILL) before its commit")
def test_a_killed_migration_leaves_nothing(postgres: Postgres, record: Record) -> None:
    """It leaves no change and no lock behind: a second migration that waited for it succeeds."""
    url = postgres.new_database()
    with uncommitted(url, 1) as [killed], queued_migration(url) as next_one:
        killed.kill()
        killed.communicate()
    assert UP_TO_DATE == ended(next_one)
    record({}, 0, 0, "the next migration succeeded")
    assert [("0001",)] == query(url, "SELECT version_num FROM alembic_version")


@contextmanager
def queued_migration(url: str) -> Iterator[subprocess.Popen[str]]:
    """Start another migration, which waits for the lock of the first."""
    process = start("users-db-migrate", USERS_DB_DATABASE_URL=url)
    poll_until(lambda: waiting_statements(url) == 2, "the second migration waits")
    yield process
