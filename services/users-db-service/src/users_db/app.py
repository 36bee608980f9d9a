"""The FastAPI application: `uvicorn --factory users_db.app:create_app`."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi_offline import FastAPIOffline

from spanloom import problems
from spanloom.web.garbage_collection import freeze_startup
from spanloom.web.service_settings import read_or_exit
from users_db.db import Database, DatabaseRefusedError, DatabaseUnavailableError
from users_db.routes import probes, router
from users_db.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application with `settings`; default: settings from the environment."""
    database = read_or_exit(
        "users-db-service", lambda environ: Database.open(settings or Settings.from_environ(environ))
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.database = database
        freeze_startup()
        yield
        await database.close()

    app: FastAPI = FastAPIOffline(title="users-db-service", version="0.1.0", lifespan=lifespan, redirect_slashes=False)
    app.include_router(router)
    app.include_router(probes)
    problems.install(app, {DatabaseUnavailableError: problems.Unavailable, DatabaseRefusedError: problems.Failed})
    return app
