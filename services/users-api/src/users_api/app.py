"""The application: `uvicorn --factory users_api.app:create_app`."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi_offline import FastAPIOffline

from spanloom import problems
from users_api.routes import probes, router
from users_api.settings import Settings, SettingsError
from users_api.users_db import UsersDb, UsersDbUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application of `settings`, by default of the environment's; wrong ones end the process (2)."""
    try:
        chosen = settings or Settings.from_environ(os.environ)
    except SettingsError as error:
        print(f"users-api: {error}", file=sys.stderr)
        raise SystemExit(2) from None

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with UsersDb.open(chosen) as app.state.users_db:
            gc.collect()
            gc.freeze()  # what start-up made stays: no full collection need walk through it again
            gc.set_threshold(20_000)  # look for young garbage every few dozen requests, not every few
            yield

    app: FastAPI = FastAPIOffline(title="users-api", version="0.1.0", lifespan=lifespan, redirect_slashes=False)
    app.include_router(router)
    app.include_router(probes)
    problems.install(app, {UsersDbUnavailableError: problems.Unavailable})
    return app
