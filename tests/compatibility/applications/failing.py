"""Exceptions under middleware, in groups, and in chains that lead back to themselves."""

import asyncio
import logging

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

app = FastAPI()
log = logging.getLogger("shop")


@app.middleware("http")
async def timed(request: Request, call_next):
    response = await call_next(request)
    response.headers["X-Timed"] = "yes"
    return response


@app.exception_handler(KeyError)
async def missing(_request: Request, error: KeyError) -> JSONResponse:
    return JSONResponse({"missing": error.args[0]}, 404)


async def look_up() -> None:
    raise LookupError("no such order")


@app.get("/fails")
async def fails() -> None:
    raise ValueError("the price is negative")


@app.get("/handled")
async def handled() -> None:
    raise KeyError("order")


@app.get("/group")
async def group() -> dict[str, bool]:
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(look_up())
    except ExceptionGroup as several:
        try:
            raise several.exceptions[0]
        except LookupError:
            log.exception("the order was not found")
            return {"found": False}
    return {"found": True}


@app.get("/task-group")
async def task_group() -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(look_up())
        tasks.create_task(look_up())


@app.get("/ok")
async def ok() -> str:
    return "ok"
