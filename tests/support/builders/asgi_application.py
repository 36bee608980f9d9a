"""A FastAPI application with an endpoint for each kind of request, and the context of a caller."""

import asyncio

from fastapi import BackgroundTasks, FastAPI
from fastapi.responses import StreamingResponse
from opentelemetry import baggage
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from spanloom import instrument

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"
SECRET = "s3cret-canary"


def application() -> FastAPI:  # noqa: C901 a list of endpoints
    app = FastAPI()

    @instrument
    async def inner() -> None: ...

    @app.get("/users/{name}")
    async def user(name: str) -> str:
        await inner()
        return name

    @app.get("/sync")
    def sync() -> str:
        asyncio.run(inner())
        return "ok"

    @app.get("/later")
    async def later(tasks: BackgroundTasks) -> str:
        tasks.add_task(inner)
        return "ok"

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(iter(["a", "b"]))

    @app.get("/fails")
    async def fails() -> str:
        raise LookupError("gone")

    @app.get("/busy")
    async def busy() -> PlainTextResponse:
        return PlainTextResponse("later", 503)

    @app.get("/baggage")
    async def bag() -> dict[str, object]:
        return dict(baggage.get_all())

    @app.get("/healthz")
    async def healthz() -> str:
        await inner()
        return "ok"

    sub = Starlette(routes=[Route("/deep/{n}", lambda request: PlainTextResponse("deep"))])
    app.mount("/sub", sub)
    return app
