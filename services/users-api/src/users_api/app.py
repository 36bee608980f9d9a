"""The FastAPI application: `uvicorn --factory users_api.app:create_app`."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi_offline import FastAPIOffline

from spanloom import problems
from spanloom.web.garbage_collection import freeze_startup
from spanloom.web.service_settings import read_or_exit
from users_api.routes import probes, router
from users_api.settings import Settings
from users_api.users_db import UsersDb, UsersDbUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application with `settings`; default: settings from the environment."""
    active_settings = settings or read_or_exit("users-api", Settings.from_environ)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with UsersDb.open(active_settings) as app.state.users_db:
            freeze_startup()
            yield

    app: FastAPI = FastAPIOffline(title="users-api", version="0.1.0", lifespan=lifespan, redirect_slashes=False)
    app.include_router(router)
    app.include_router(probes)
    problems.install(app, {UsersDbUnavailableError: problems.Unavailable})
    return app
