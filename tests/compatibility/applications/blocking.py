"""An application that blocks its event loop, and that collects garbage."""

import gc
import time

from fastapi import FastAPI

app = FastAPI()


@app.get("/block")
async def block() -> str:
    time.sleep(1)  # noqa: ASYNC251 the mistake that the test looks for
    return "ok"


@app.get("/collect")
async def collect() -> int:
    return gc.collect()
