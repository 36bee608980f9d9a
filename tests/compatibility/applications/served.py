"""One statement a request, as a FastAPI, a Flask and an RSGI application."""

from fastapi import FastAPI
from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

engine = create_engine("sqlite://", poolclass=NullPool)
app, wsgi = FastAPI(), Flask(__name__)


@app.get("/text")
@wsgi.get("/text")
def literal() -> str:
    with engine.connect() as connection:
        return str(connection.execute(text("SELECT 40 + 2")).scalar())


class Rsgi:
    """An application of granian's own interface, which the hooks do not know."""

    async def __rsgi__(self, _scope, protocol) -> None:
        protocol.response_str(200, [], literal())


rsgi = Rsgi()
