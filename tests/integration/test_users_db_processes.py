"""The start and the end of users-db-service and its migration, as processes."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlmodel import SQLModel
from support.http_client import Client
from support.polling import poll_until
from support.processes.commands import ended, free_port, listens, start
from support.processes.postgres import locked_users, waiting_statements
from support.servers.services import users_db_settings

from users_db.migrate import migrate

if TYPE_CHECKING:
    import aiohttp
    from support.processes.postgres import Postgres

SERVE = ["uvicorn", "--factory", "users_db.app:create_app", "--log-level", "warning"]
LONG_TIMEOUTS = {"pool_timeout_seconds": 60, "deadline_seconds": 60, "statement_timeout_seconds": 60}
UP_TO_DATE = (0, "users-db-migrate: the schema is up to date\n")


def test_the_migration_matches_the_models(postgres: Postgres) -> None:
    """Alembic finds no difference between the migrated schema and the models."""
    url = postgres.new_database()
    migrate(users_db_settings(url))
    engine = create_engine(users_db_settings(url).url())
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    engine.dispose()


def test_a_migration_waits_for_a_database_that_is_starting(postgres: Postgres) -> None:
    """A migration started before its database succeeds once the database has started."""
    url = postgres.new_database()
    postgres.stop()
    try:
        process = start("users-db-migrate", USERS_DB_DATABASE_URL=url)
        assert "waiting for the database" in (process.stderr.readline() if process.stderr else "")
    finally:
        postgres.start()
    assert ended(process) == UP_TO_DATE


@pytest.mark.parametrize(
    ("program", "environ", "status", "message"),
    [
        (
            ["users-db-migrate"],
            {"USERS_DB_DATABASE_URL": "postgresql://h@127.0.0.1:1/d", "USERS_DB_MIGRATE_TIMEOUT_SECONDS": "0.1"},
            1,
            "users-db-migrate: the database is not reachable: ",
        ),
        (
            ["users-db-migrate"],
            {},
            78,
            "users-db-migrate: USERS_DB_DATABASE_URL='' is not understood; expected a value\n",
        ),
        (SERVE, {}, 78, "users-db-service: USERS_DB_DATABASE_URL='' is not understood; expected a value\n"),
        (
            SERVE,
            {"USERS_DB_DATABASE_URL": "postgresql://h/d", "USERS_DB_POOL_SIZES": "1"},
            78,
            "users-db-service: USERS_DB_POOL_SIZES='1' is not understood; expected the name USERS_DB_POOL_SIZE\n",
        ),
    ],
)
def test_a_program_that_cannot_start_gives_the_reason(
    program: list[str], environ: dict[str, str], status: int, message: str
) -> None:
    """A program that cannot run ends with a status and a line with the reason, without a traceback."""
    actual, errors = ended(start(*program, **environ))
    assert (status, message) == (actual, errors.splitlines(keepends=True)[-1][: len(message)])
    assert "Traceback" not in errors


def test_a_failed_migration_changes_nothing(postgres: Postgres) -> None:
    """A conflicting schema is named in one line, and nothing is changed."""
    url = postgres.new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE users ()")
        assert ended(start("users-db-migrate", USERS_DB_DATABASE_URL=url)) == (
            1,
            'users-db-migrate: the migration failed: relation "users" already exists\n',
        )
        assert connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,)


async def test_sigterm_completes_open_requests(http: aiohttp.ClientSession, database_url: str) -> None:
    """After SIGTERM the open request gets its response, then the process ends."""
    port = free_port()
    bounds = {f"USERS_DB_{key.upper()}": str(value) for key, value in LONG_TIMEOUTS.items()}
    process = start(*SERVE, "--port", str(port), USERS_DB_DATABASE_URL=database_url, **bounds)
    users_db = Client(http, f"http://127.0.0.1:{port}")
    poll_until(lambda: listens(port), "the service listens")
    with locked_users(database_url):
        asked = asyncio.create_task(users_db("POST", "/users", json={"name": "Ada"}))
        await asyncio.to_thread(
            poll_until, lambda: waiting_statements(database_url) == 1, "the request is in the database"
        )
        process.terminate()
        await asyncio.to_thread(poll_until, lambda: not listens(port), "the service has stopped listening")
    assert (await asked).status == 201
    assert (await asyncio.to_thread(ended, process))[0] in {0, -signal.SIGTERM}
