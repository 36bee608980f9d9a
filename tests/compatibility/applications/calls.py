"""aiohttp's client, and spans by OpenTelemetry's API."""

import aiohttp
from fastapi import FastAPI, Request
from opentelemetry import trace

app = FastAPI()


@app.get("/echo")
async def echo(request: Request) -> str:
    return request.headers["X-A"]


@app.get("/call")
async def call(request: Request) -> list:
    base = f"http://127.0.0.1:{request.scope['server'][1]}"
    async with aiohttp.ClientSession(base) as session:
        async with session.get("/echo", params={"q": "CANARY42"}, headers={"X-A": "a"}) as response:
            carried = await response.json()
        async with session.get("/nowhere") as response:
            missing = response.status
        try:
            async with aiohttp.ClientSession() as other:
                await other.get("http://127.0.0.1:1/")
        except aiohttp.ClientError as error:
            return [carried, missing, type(error).__name__]


@app.get("/manual")
def manual() -> str:
    tracer = trace.get_tracer("shop")
    with tracer.start_as_current_span("outer", attributes={"a": [1, 2]}) as span:
        span.add_event("event", {"b": "c"})
        with tracer.start_as_current_span("inner", kind=trace.SpanKind.CLIENT):
            pass
    return "ok"
