"""The services with tuned OpenTelemetry instrumentations.

`exclude_spans` has no variable, so OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=fastapi and the documented call instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor  # type: ignore[import-not-found] # peers/contrib

if TYPE_CHECKING:
    from fastapi import FastAPI


def users_api() -> FastAPI:
    """Return users-api."""
    from users_api.app import create_app  # noqa: PLC0415 # a service loads itself alone

    return _tuned(create_app())


def users_db() -> FastAPI:
    """Return users-db-service."""
    from users_db.app import create_app  # noqa: PLC0415 # a service loads itself alone

    return _tuned(create_app())


def _tuned(app: FastAPI) -> FastAPI:
    FastAPIInstrumentor.instrument_app(app, exclude_spans=["send", "receive"])
    return app
