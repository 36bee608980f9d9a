"""Users in PostgreSQL: one SQL statement an operation, each within a deadline."""

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

    from users_db.paging import Place
    from users_db.settings import Settings

log = logging.getLogger(__name__)

# How long a statement past its deadline may take to be cancelled before its connection is dropped.
CANCEL_SECONDS = 0.25


class DatabaseUnavailableError(Exception):
    """The database does not answer now; trying again later makes sense."""


class DatabaseRefusedError(Exception):
    """The database refused a statement, for instance because a migration is missing."""


class Database:
    """A pool of connections and the bound on every use of it."""

    def __init__(self, engine: AsyncEngine, deadline_seconds: float) -> None:
        self.engine, self.deadline = engine, deadline_seconds

    @classmethod
    def open(cls, settings: Settings) -> Database:
        """Return the database of `settings`; connections are made as they are needed."""
        engine = create_async_engine(
            settings.url(),
            isolation_level="AUTOCOMMIT",  # one statement an operation: no BEGIN and COMMIT around it
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
        """Lend a session until the deadline; raise one of the two errors above, without the database's text.

        The inner time-out asks the server to cancel the statement; a server that does not even answer that
        loses its connection at the outer one (psycopg gives up at the second cancellation).
        """
        try:
            async with (
                asyncio.timeout(self.deadline + CANCEL_SECONDS),
                asyncio.timeout(self.deadline),
                AsyncSession(self.engine, expire_on_commit=False) as session,
            ):
                yield session
        except (TimeoutError, SQLAlchemyError) as error:
            raise _translate(error) from None

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def _translate(error: TimeoutError | SQLAlchemyError) -> Exception:
    """Return the error to tell; what the database said may hold personal data and goes no further."""
    kind = type(error.orig if isinstance(error, DBAPIError) else error).__name__
    temporary = isinstance(error, TimeoutError | PoolTimeoutError | OperationalError | InterfaceError)
    log.warning("database %s: %s", "unavailable" if temporary else "failure", kind)
    return DatabaseUnavailableError(kind) if temporary else DatabaseRefusedError(kind)


@instrument(skip_all=True)
async def insert_user(database: Database, name: str) -> User:
    """Store a new user and return it."""
    async with database.session() as session:
        user = User(name=name)
        session.add(user)
        await session.commit()
        return user


@instrument(skip=("database",))
async def select_user(database: Database, user_id: UUID) -> User | None:
    """Return the user, or None."""
    async with database.session() as session:
        return await session.get(User, user_id)


@instrument(skip=("database", "after"))
async def select_users(database: Database, limit: int, after: Place | None) -> list[User]:
    """Return up to `limit` users in the order (created_at, id) that come after a place."""
    query = select(User).order_by(col(User.created_at), col(User.id)).limit(limit)
    if after is not None:
        query = query.where(tuple_(col(User.created_at), col(User.id)) > after)
    async with database.session() as session:
        return list((await session.exec(query)).all())


@instrument(skip=("database",))
async def remove_user(database: Database, user_id: UUID) -> bool:
    """Delete the user and tell whether there was one."""
    async with database.session() as session:
        removed = await session.exec(delete(User).where(col(User.id) == user_id))
        return removed.rowcount == 1


async def check(database: Database) -> None:
    """Raise DatabaseUnavailableError or DatabaseRefusedError unless the users' table can be read."""
    async with database.session() as session:
        await session.exec(select(User.id).limit(0))
