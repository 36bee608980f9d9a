"""A small application for the distribution; its only telemetry code is `@instrument`."""

import asyncio
import logging

from fastapi import FastAPI

from spanloom import instrument

app = FastAPI()
log = logging.getLogger("sample")


@instrument
async def work(seconds: float) -> None:
    log.info("working")
    await asyncio.sleep(seconds)


@app.get("/work/{seconds}")
async def endpoint(seconds: float) -> str:
    await work(seconds)
    return "done"
