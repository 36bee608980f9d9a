"""An application whose spans have hostile names and values, run under the distribution."""

from __future__ import annotations

from fastapi import FastAPI
from faults.values import HOSTILE
from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode

app = FastAPI()
tracer = trace.get_tracer("hostile")


@app.get("/work/{seconds}")
async def ready(seconds: float) -> str:
    return "ready"


@app.get("/fat")
async def fat() -> str:
    """Add a unique attribute of 10 kB to the current span."""
    span = trace.get_current_span()
    span.set_attribute("fat", f"{span.get_span_context().span_id:016x}" * 640)
    return "done"


@app.get("/hostile")
async def hostile() -> str:
    for key, value in HOSTILE.items():
        with tracer.start_as_current_span(value, attributes={"case": key, "value": value, value: "key"}) as span:
            span.add_event(value, {"value": value})
            span.set_status(Status(StatusCode.ERROR, value))
    return "done"
