"""Users in PostgreSQL: one SQL statement per operation, each with a deadline."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sqlalchemy import delete, tuple_
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from spanloom import instrument
from users_db.models import User

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from users_db.paging import Position
    from users_db.settings import Settings

log = logging.getLogger(__name__)

# Time to cancel a statement after its deadline; then its connection is dropped.
CANCEL_SECONDS = 0.25


class DatabaseUnavailableError(Exception):
    """The database does not respond; retrying later may succeed."""


class DatabaseRefusedError(Exception):
    """The database refused a statement, for example because a migration is missing."""


class Database:
    """A connection pool and the deadline of every use of it."""

    def __init__(self, engine: AsyncEngine, deadline_seconds: float) -> None:
        self.engine, self.deadline_seconds = engine, deadline_seconds

    @classmethod
    def open(cls, settings: Settings) -> Database:
        """Return the database of `settings`; connections are opened on demand."""
        engine = create_async_engine(
            settings.url(),
            isolation_level="AUTOCOMMIT",  # one statement per operation needs no BEGIN and COMMIT
            pool_size=settings.pool_size,
            max_overflow=0,
            pool_timeout=settings.pool_timeout_seconds,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={
                "connect_timeout": settings.connect_timeout_seconds,
                "options": f"-c statement_timeout={int(settings.statement_timeout_seconds * 1000)}",
            },
        )
        return cls(engine, settings.deadline_seconds)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """Open a session until the deadline; raise one of the errors above, without the database's message.

        The inner timeout asks the server to cancel the statement; a server that does not respond to the cancellation
        loses its connection at the outer timeout (psycopg gives up at the second cancellation).
        """
        try:
            async with (
                asyncio.timeout(self.deadline_seconds + CANCEL_SECONDS),
                asyncio.timeout(self.deadline_seconds),
                AsyncSession(self.engine, expire_on_commit=False) as session,
            ):
                yield session
        except (TimeoutError, SQLAlchemyError) as error:
            raise _translate(error) from None

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def _translate(error: TimeoutError | SQLAlchemyError) -> Exception:
    """Return the error for callers, without the database's message, which may contain personal data."""
    kind = type(error.orig if isinstance(error, DBAPIError) else error).__name__
    is_temporary = isinstance(error, TimeoutError | PoolTimeoutError | OperationalError | InterfaceError)
    log.warning("database %s: %s", "unavailable" if is_temporary else "error", kind)
    return DatabaseUnavailableError(kind) if is_temporary else DatabaseRefusedError(kind)


@instrument(skip_all=True)
async def insert_user(database: Database, name: str) -> User:
    """Insert a user and return it."""
    async with database.session() as session:
        user = User(name=name)
        session.add(user)
        await session.commit()
        return user


@instrument(skip=("database",))
async def select_user(database: Database, user_id: UUID) -> User | None:
    """Return the user, or None if there is none."""
    async with database.session() as session:
        return await session.get(User, user_id)


@instrument(skip=("database", "after"))
async def select_users(database: Database, limit: int, after: Position | None) -> list[User]:
    """Return up to `limit` users after a position, ordered by (created_at, id)."""
    query = select(User).order_by(col(User.created_at), col(User.id)).limit(limit)
    if after is not None:
        query = query.where(tuple_(col(User.created_at), col(User.id)) > after)
    async with database.session() as session:
        return list((await session.exec(query)).all())


@instrument(skip=("database",))
async def remove_user(database: Database, user_id: UUID) -> bool:
    """Delete the user and return whether it existed."""
    async with database.session() as session:
        result = await session.exec(delete(User).where(col(User.id) == user_id))
        return result.rowcount == 1


async def check(database: Database) -> None:
    """Raise DatabaseUnavailableError or DatabaseRefusedError unless the table of users is readable."""
    async with database.session() as session:
        await session.exec(select(User.id).limit(0))
