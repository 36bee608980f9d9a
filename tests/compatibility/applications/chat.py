"""A WebSocket with a function and a statement in each message."""

import logging

from fastapi import FastAPI, WebSocket
from sqlalchemy import create_engine, text

engine = create_engine("sqlite://")
app = FastAPI()


def reply(number: int) -> str:
    with engine.connect() as connection:
        return str(connection.execute(text("SELECT :n + 1"), {"n": number}).scalar())


@app.websocket("/rooms/{room}")
async def chat(socket: WebSocket, room: str) -> None:
    await socket.accept()
    while (message := await socket.receive_text()) != "end":
        if message == "fail":
            raise RuntimeError("chat failed")
        logging.getLogger("chat").warning("got %s", message)
        await socket.send_text(reply(int(message)))
    await socket.close()


@app.websocket("/closed")
async def closed(socket: WebSocket) -> None:
    await socket.close(4000)
