"""The services with logfire, as documented: configure, then one call for each library."""

from __future__ import annotations

from typing import TYPE_CHECKING

import logfire  # type: ignore[import-not-found] # peers/logfire

if TYPE_CHECKING:
    from fastapi import FastAPI


def users_api() -> FastAPI:
    """Return users-api."""
    from users_api.app import create_app  # noqa: PLC0415 # a service loads itself alone

    logfire.configure()
    logfire.instrument_aiohttp_client()
    return _instrumented(create_app())


def users_db() -> FastAPI:
    """Return users-db-service."""
    from users_db.app import create_app  # noqa: PLC0415 # a service loads itself alone

    logfire.configure()
    logfire.instrument_psycopg()
    return _instrumented(create_app())


def _instrumented(app: FastAPI) -> FastAPI:
    logfire.instrument_fastapi(app)
    return app
