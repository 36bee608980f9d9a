"""`users-db-migrate`: bring the database's schema up to date; safe to run twice at once.

Waits up to USERS_DB_MIGRATE_TIMEOUT_SECONDS for a database that is still starting, and as long for another
migration. Exit status: 0 done, 1 not done, 78 wrong settings; the last line of standard error says why.
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
    """Why the schema is not up to date, in one line."""


def main() -> None:
    """Migrate the database of the environment's settings and exit."""
    try:
        migrate(Settings.from_environ(os.environ))
    except SettingsError as error:
        _leave(EX_CONFIG, str(error))
    except MigrationError as error:
        _leave(1, str(error))
    _say("the schema is up to date")


def migrate(settings: Settings) -> None:
    """Apply every pending migration; MigrationError says why not."""
    bound = settings.migrate_timeout_seconds
    engine = create_engine(
        settings.url(), poolclass=NullPool, connect_args={"connect_timeout": settings.connect_timeout_seconds}
    )
    try:
        with _connect(engine, time.monotonic() + bound) as connection:
            connection.execute(text(f"SET lock_timeout = {int(bound * 1000)}"))
            connection.commit()
            command.upgrade(_config(connection), "head")
            connection.commit()
    except SQLAlchemyError as error:
        raise MigrationError(f"the migration failed: {_reason(error)}") from None


def _connect(engine: Engine, end: float) -> Connection:
    """Return a connection, made before `end` (monotonic seconds)."""
    waited = False
    while True:
        try:
            return engine.connect()
        except OperationalError as error:
            if time.monotonic() >= end:
                raise MigrationError(f"the database does not answer: {_reason(error)}") from None
            if not waited:
                _say("waiting for the database")
            waited = True
            time.sleep(RETRY_SECONDS)


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    return config


def _reason(error: SQLAlchemyError) -> str:
    """Return the last line of what the database said; nothing personal is in a connection or a migration."""
    return str(getattr(error, "orig", error)).strip().split("\n")[-1].strip()


def _say(line: str) -> None:
    print(f"users-db-migrate: {line}", file=sys.stderr, flush=True)


def _leave(status: int, reason: str) -> None:
    _say(reason)
    raise SystemExit(status)
