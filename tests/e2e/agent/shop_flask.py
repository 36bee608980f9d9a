"""A Flask application that asks PostgreSQL."""

import psycopg
from flask import Flask

app = Flask(__name__)


@app.get("/healthz")
def healthz() -> str:
    return "ok"


@app.get("/orders/<int:number>")
def order(number: int) -> dict[str, object]:
    with psycopg.connect() as connection:
        row = connection.execute("SELECT %s::int AS number, current_user AS name", [number]).fetchone()
    return {"number": row[0], "name": row[1]}
