"""SQLAlchemy in an application, with decorated functions and logging."""

import logging

from fastapi import FastAPI
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import StaticPool

from spanloom import instrument

engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}, pool_pre_ping=True)
users = Table("users", MetaData(), Column("id", Integer, primary_key=True), Column("name", String, unique=True))
app = FastAPI()
with engine.begin() as first:
    users.metadata.create_all(first)


@instrument
def insert(name: str) -> None:
    with engine.begin() as connection:
        connection.execute(users.insert(), [{"name": name}, {"name": name + "2"}])


@app.get("/insert/{name}")
def inserted(name: str) -> str:
    try:
        insert(name)
    except IntegrityError:
        logging.getLogger("shop").exception("there is one")
        return "taken"
    return "ok"


@app.get("/select")
def selected() -> list:
    with engine.connect() as connection:
        return [row[0] for row in connection.execute(select(users.c.name).where(users.c.id > 0))]


@app.get("/text")
def literal() -> int:
    with engine.connect() as connection:
        return connection.execute(text("SELECT 40 + 2")).scalar()
