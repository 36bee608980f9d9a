"""`users-db-migrate`: upgrade the database schema; safe to run concurrently.

Waits up to USERS_DB_MIGRATE_TIMEOUT_SECONDS for a database that is starting, and as long for another migration. Exit
status: 0 success, 1 failure, 78 invalid settings; the last line on standard error contains the reason.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from spanloom.settings import SettingsError
from spanloom.web.service_settings import EX_CONFIG
from users_db.settings import Settings

RETRY_SECONDS = 0.2


class MigrationError(Exception):
    """The migration failed; the message is one line."""


def main() -> None:
    """Migrate the database in the environment's settings and exit."""
    try:
        migrate(Settings.from_environ(os.environ))
    except SettingsError as error:
        _exit(EX_CONFIG, str(error))
    except MigrationError as error:
        _exit(1, str(error))
    _print("the schema is up to date")


def migrate(settings: Settings) -> None:
    """Apply every pending migration."""
    timeout_seconds = settings.migrate_timeout_seconds
    engine = create_engine(
        settings.url(), poolclass=NullPool, connect_args={"connect_timeout": settings.connect_timeout_seconds}
    )
    try:
        with _connect(engine, time.monotonic() + timeout_seconds) as connection:
            connection.execute(text(f"SET lock_timeout = {int(timeout_seconds * 1000)}"))
            connection.commit()
            command.upgrade(_config(connection), "head")
            connection.commit()
    except SQLAlchemyError as error:
        raise MigrationError(f"the migration failed: {_reason(error)}") from None


def _connect(engine: Engine, deadline: float) -> Connection:
    """Return a connection, opened before `deadline` (monotonic seconds)."""
    has_waited = False
    while True:
        try:
            return engine.connect()
        except OperationalError as error:
            if time.monotonic() >= deadline:
                raise MigrationError(f"the database is not reachable: {_reason(error)}") from None
            if not has_waited:
                _print("waiting for the database")
            has_waited = True
            time.sleep(RETRY_SECONDS)


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    return config


def _reason(error: SQLAlchemyError) -> str:
    """Return the last line of the database's message; errors of connections and migrations contain no personal data."""
    return str(getattr(error, "orig", error)).strip().split("\n")[-1].strip()


def _print(message: str) -> None:
    print(f"users-db-migrate: {message}", file=sys.stderr, flush=True)


def _exit(status: int, reason: str) -> None:
    _print(reason)
    raise SystemExit(status)
