"""The application: `uvicorn --factory users_db.app:create_app`."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi_offline import FastAPIOffline

from spanloom import problems
from users_db.db import Database, DatabaseRefusedError, DatabaseUnavailableError
from users_db.routes import probes, router
from users_db.settings import Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application of `settings`, by default of the environment's; wrong ones end the process (2)."""
    try:
        database = Database.open(settings or Settings.from_environ(os.environ))
    except SettingsError as error:
        print(f"users-db-service: {error}", file=sys.stderr)
        raise SystemExit(2) from None

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.database = database
        gc.collect()
        gc.freeze()  # what start-up made stays: no full collection need walk through it again
        gc.set_threshold(20_000)  # look for young garbage every few dozen requests, not every few
        yield
        await database.close()

    app: FastAPI = FastAPIOffline(title="users-db-service", version="0.1.0", lifespan=lifespan, redirect_slashes=False)
    app.include_router(router)
    app.include_router(probes)
    problems.install(app, {DatabaseUnavailableError: problems.Unavailable, DatabaseRefusedError: problems.Failed})
    return app
