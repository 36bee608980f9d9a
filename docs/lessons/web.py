"""A web application: the framework is traced by itself, functions of yours by `@instrument`."""

import asyncio
import logging

from fastapi import FastAPI

from spanloom import instrument

app = FastAPI()
log = logging.getLogger("shop")


@instrument(skip=("card",), fields={"items": lambda cart, **_: len(cart)})
async def check_out(cart: list[str], card: str) -> str:
    await price(cart)
    return "thank you"


@instrument(level="debug")
async def price(cart: list[str]) -> int:
    await asyncio.sleep(0.01)
    return 3 * len(cart)


@app.get("/orders/{number}")
async def order(number: int) -> str:
    log.info("order %d", number)
    return await check_out(cart=["tea", "milk"], card="4111 1111 1111 1111")


@app.get("/healthz")
async def healthz() -> str:
    return "ok"
