"""users-db-service with a fault: `BREAKAGE=slow-query uvicorn --factory …users_db:create_app`.

Each fault is what programs contain by mistake. The chart helm/users mounts this file, so it imports only what the image
of the service has.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sqlalchemy import func, tuple_
from sqlmodel import col, select

from spanloom import instrument
from users_db import app, db
from users_db.models import User

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from fastapi import FastAPI
    from sqlmodel.ext.asyncio.session import AsyncSession

    from users_db.paging import Position

log = logging.getLogger(__name__)

SLOW_SECONDS = 1.5  # less than the statement's timeout, which the breakage raises to 2 s
HOLD_SECONDS = 0.7  # two in a row exceed the deadline of 1.25 s
ROUND_TRIP_SECONDS = 0.025  # as to a database in another region
BLOCKED_SECONDS = 0.5


def slow_query() -> None:
    """Let the statement that lists users take SLOW_SECONDS, as without an index."""

    @instrument(skip=("database", "after"))
    async def select_users(database: db.Database, limit: int, after: Position | None) -> list[User]:
        query = select(User).order_by(col(User.created_at), col(User.id)).limit(limit)
        query = query.where(select(func.pg_sleep(SLOW_SECONDS)).scalar_subquery().is_not(None))  # evaluated once
        if after is not None:
            query = query.where(tuple_(col(User.created_at), col(User.id)) > after)
        async with database.session() as session:
            return list((await session.exec(query)).all())

    db.select_users = select_users


def pool_exhaustion() -> None:
    """Hold a connection of the pool for HOLD_SECONDS before its statement, as around a call to another service."""
    original = db.Database.session

    @asynccontextmanager
    async def session(database: db.Database) -> AsyncIterator[AsyncSession]:
        async with original(database) as opened:
            await opened.connection()
            await asyncio.sleep(HOLD_SECONDS)
            yield opened

    setattr(db.Database, "session", session)  # noqa: B010 that is the fault


def n_plus_one() -> None:
    """List the ids of users with one statement and read each user with another."""

    @instrument(skip=("database", "after"))
    async def select_users(database: db.Database, limit: int, after: Position | None) -> list[User]:
        query = select(User.id).order_by(col(User.created_at), col(User.id)).limit(limit)
        if after is not None:
            query = query.where(tuple_(col(User.created_at), col(User.id)) > after)
        async with database.session() as session:
            ids = (await session.exec(query)).all()
        return [user for user_id in ids if (user := await _read(database, user_id))]

    db.select_users = select_users


async def _read(database: db.Database, user_id: UUID) -> User | None:
    async with database.session() as session:
        await asyncio.sleep(ROUND_TRIP_SECONDS)
        return await session.get(User, user_id)


def retry_storm() -> None:
    """Refuse every read of a user, as an overloaded database does."""

    @instrument(skip=("database",))
    async def select_user(database: db.Database, user_id: UUID) -> User | None:
        raise db.DatabaseUnavailableError("overloaded")

    db.select_user = select_user


def blocked_event_loop() -> None:
    """Call a function that blocks for BLOCKED_SECONDS while users are listed."""
    original = db.select_users

    async def select_users(database: db.Database, limit: int, after: Position | None) -> list[User]:
        time.sleep(BLOCKED_SECONDS)  # noqa: ASYNC251 that is the fault
        return await original(database, limit, after)

    db.select_users = select_users


FAULTS = {
    "slow-query": slow_query,
    "pool-exhaustion": pool_exhaustion,
    "n-plus-one": n_plus_one,
    "retry-storm": retry_storm,
    "blocked-event-loop": blocked_event_loop,
}


def create_app() -> FastAPI:
    """Return the application of the service with the fault that BREAKAGE names."""
    name = os.environ["BREAKAGE"]
    FAULTS[name]()
    log.warning("users-db-service runs with the breakage %s", name)
    return app.create_app()
