"""HTTP clients whose exceptions name the URL, with its query."""

import logging

import aiohttp
import httpx
import requests
from fastapi import FastAPI, Request

app = FastAPI()
SECRET = "CANARY" + "42"


def nowhere(request: Request) -> str:
    return f"http://127.0.0.1:{request.scope['server'][1]}/nowhere?token={SECRET}"


@app.get("/httpx")
async def with_httpx(request: Request) -> None:
    async with httpx.AsyncClient() as client:
        (await client.get(nowhere(request))).raise_for_status()


@app.get("/requests")
def with_requests(request: Request) -> None:
    requests.get(nowhere(request), timeout=5).raise_for_status()


@app.get("/refused")
def refused() -> None:
    requests.get(f"http://127.0.0.1:1/nowhere?token={SECRET}", timeout=5)


@app.get("/aiohttp")
async def with_aiohttp(request: Request) -> None:
    async with aiohttp.ClientSession() as client, client.get(nowhere(request)) as response:
        response.raise_for_status()


@app.get("/logged")
async def logged(request: Request) -> None:
    try:
        await with_httpx(request)
    except httpx.HTTPStatusError as error:
        logging.getLogger("shop").exception("the call failed: %s", error)
