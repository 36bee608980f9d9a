"""The error responses of users-api, and its end on invalid settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fastapi import FastAPI
from opentelemetry import trace
from support.http_client import Client, assert_problem
from support.processes.commands import ended, start
from support.servers.asgi import serve
from support.servers.services import users_api_settings

from spanloom import problems
from users_api.app import create_app

if TYPE_CHECKING:
    import aiohttp
    from starlette.types import ASGIApp, Receive, Scope, Send

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
NO_CONTEXT = trace.INVALID_SPAN_CONTEXT


def within_a_trace(app: ASGIApp) -> ASGIApp:
    """Return `app`, called inside a trace."""
    return within(app, trace.SpanContext(int(TRACE_ID, 16), 1, is_remote=False))


def within(app: ASGIApp, context: trace.SpanContext) -> ASGIApp:
    """Return `app` below a span of the test, without FastAPI's own telemetry, as under the distribution."""

    async def traced(scope: Scope, receive: Receive, send: Send) -> None:
        scope["fastapi.telemetry"] = None
        with trace.use_span(trace.NonRecordingSpan(context)):
            await app(scope, receive, send)

    return traced


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("PUT", "/users", 405),
        ("GET", "/users/x", 422),
        ("GET", "/users", 503),
        ("POST", "/users", 415),
    ],
)
async def test_a_problem_names_its_trace(http: aiohttp.ClientSession, method: str, path: str, status: int) -> None:
    """Every error contains the trace_id of its request; without a trace the member is omitted."""
    settings = users_api_settings("http://127.0.0.1:1")
    with (
        serve(within_a_trace(create_app(settings))) as traced,
        serve(within(create_app(settings), NO_CONTEXT)) as untraced,
    ):
        problem = await Client(http, traced)(method, path)
        assert_problem(status, problem)
        assert problem.json["trace_id"] == TRACE_ID
        assert "trace_id" not in (await Client(http, untraced)(method, path)).json


async def test_an_unexpected_exception_is_not_shown(http: aiohttp.ClientSession) -> None:
    """An unexpected exception is a problem with a trace_id and without the exception's text."""
    app = FastAPI()
    problems.install(app)

    @app.get("/")
    def broken() -> None:
        raise RuntimeError("secret")

    with serve(within_a_trace(app)) as url:
        problem = await Client(http, url)("GET", "/")
    assert_problem(500, problem)
    assert (TRACE_ID, "The request failed because of an internal error.") == (
        problem.json["trace_id"],
        problem.json["detail"],
    )
    assert "secret" not in problem.text


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({}, "users-api: USERS_API_USERS_DB_URL='' is not understood; expected a value\n"),
        (
            {"USERS_API_USERS_DB_URL": "http://h", "USERS_API_DEADLINE": "1"},
            "users-api: USERS_API_DEADLINE='1' is not understood; expected the name USERS_API_DEADLINE_SECONDS\n",
        ),
    ],
)
def test_invalid_settings_end_the_process(environ: dict[str, str], message: str) -> None:
    """Invalid settings end the process with status 78 and a line with the reason, without a traceback."""
    assert (78, message) == ended(start("uvicorn", "--factory", "users_api.app:create_app", **environ))
