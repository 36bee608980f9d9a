"""psycopg without an ORM: both pools, every kind of cursor, and statements that a pool makes by itself."""

import os
from contextlib import asynccontextmanager

import psycopg
from fastapi import FastAPI
from psycopg import sql
from psycopg_pool import AsyncConnectionPool, ConnectionPool

DSN = os.environ["DSN"]


@asynccontextmanager
async def lifespan(app: FastAPI):
    check = AsyncConnectionPool.check_connection
    async with AsyncConnectionPool(DSN, open=False, check=check) as app.state.asynchronous:
        with ConnectionPool(DSN, check=ConnectionPool.check_connection) as app.state.synchronous:
            yield


app = FastAPI(lifespan=lifespan)


@app.get("/async")
async def asynchronous() -> int:
    async with app.state.asynchronous.connection() as connection:
        return (await (await connection.execute("SELECT 40 + %s", (2,))).fetchone())[0]


@app.get("/sync")
def synchronous() -> int:
    with app.state.synchronous.connection() as connection:
        return connection.execute(b"SELECT 40 + %s", (3,)).fetchone()[0]


@app.get("/many")
def many() -> int:
    with app.state.synchronous.connection() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE IF NOT EXISTS numbers (n int)")
        cursor.executemany("INSERT INTO numbers VALUES (%s)", [(1,), (2,), (3,)])
        return cursor.rowcount


@app.get("/composed")
def composed() -> int:
    with psycopg.connect(DSN) as connection, connection.cursor(name="named") as cursor:
        cursor.execute(sql.SQL("SELECT n FROM {} n").format(sql.SQL("generate_series(1, 3)")))
        return len(cursor.fetchall())


@app.get("/fails")
def fails() -> str:
    with app.state.synchronous.connection() as connection:
        try:
            connection.execute("SELECT 'CANARY42'::int")
        except psycopg.Error as error:
            return type(error).__name__
    return "none"
