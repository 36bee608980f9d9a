"""users-api with a fault: `BREAKAGE=lost-context uvicorn --factory …users_api:create_app`.

The chart helm/users mounts this file, so it imports only what the image of the service has.
"""

from __future__ import annotations

import asyncio
import logging
import os
from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING

from users_api import app, users_db
from users_api.users_db import UsersDb

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from uuid import UUID

    from fastapi import FastAPI

    from users_api.models import User
    from users_api.settings import Settings

log = logging.getLogger(__name__)


def lost_context() -> None:
    """Read a user in a thread that is started for it, and does not inherit the context of the request."""
    original = users_db.read_user

    async def read(settings: Settings, user_id: UUID) -> User | None:
        async with UsersDb.open(settings) as client:  # a client belongs to the event loop of its thread
            return await original(client, user_id)

    async def read_user(users_db: UsersDb, user_id: UUID) -> User | None:
        return await asyncio.wrap_future(_run_in_thread(read(users_db.settings, user_id)))

    users_db.read_user = read_user


def _run_in_thread(work: Coroutine[None, None, User | None]) -> Future[User | None]:
    result: Future[User | None] = Future()

    def run() -> None:
        try:
            result.set_result(asyncio.run(work))
        except Exception as error:  # the request raises it
            result.set_exception(error)

    Thread(target=run, daemon=True).start()
    return result


def retry_storm() -> None:
    """Repeat failed requests without a pause."""
    users_db.MIN_BACKOFF_SECONDS = users_db.MAX_BACKOFF_SECONDS = 0.001


FAULTS = {"lost-context": lost_context, "retry-storm": retry_storm}


def create_app() -> FastAPI:
    """Return the application of the service with the fault that BREAKAGE names."""
    name = os.environ["BREAKAGE"]
    FAULTS[name]()
    log.warning("users-api runs with the breakage %s", name)
    return app.create_app()
