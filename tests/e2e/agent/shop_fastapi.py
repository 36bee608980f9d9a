"""A FastAPI application that asks PostgreSQL."""

import psycopg
from fastapi import FastAPI

app = FastAPI()


@app.get("/healthz")
async def healthz() -> str:
    return "ok"


@app.get("/orders/{number}")
async def order(number: int) -> dict[str, object]:
    async with await psycopg.AsyncConnection.connect() as connection:
        cursor = await connection.execute("SELECT %s::int AS number, current_user AS name", [number])
        row = await cursor.fetchone()
    return {"number": row[0], "name": row[1]}
