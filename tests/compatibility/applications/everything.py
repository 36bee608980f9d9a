"""An application that uses everything that is hooked, driven in this process; its responses are returned as data.

Run as a program, it raises a fault in each function or line of the telemetry in turn, and reports where a response
differs. The arguments say which are tried (each, every second, every third...), and whether functions or lines.
"""

import asyncio
import concurrent.futures
import gc
import importlib
import json
import logging
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import aiohttp
import httpx
import requests
from fastapi import FastAPI, WebSocket
from faults import PACKAGE, Injector, lines, targets
from flask import Flask
from opentelemetry import baggage, trace
from sqlalchemy import create_engine, text
from starlette.testclient import TestClient

from spanloom import instrument

Guard = importlib.import_module(f"{PACKAGE.__name__}.core.guard").Guard

engine = create_engine("sqlite://")
app = FastAPI()
log = logging.getLogger("shop")
pool = concurrent.futures.ThreadPoolExecutor(1)


@instrument(ret=True, fields={"double": lambda n: 2 * n})
def function(n: int) -> int:
    return n + 1


@instrument
async def coroutine(n: int) -> list[int]:
    return [n]


@instrument
def generator(n: int):
    got = yield n
    return got


@instrument
async def async_generator(n: int):
    yield n
    yield n + 1


@instrument
def failing(n: int) -> None:
    raise LookupError(f"no {n}")


@app.get("/functions/{n}")
async def functions(n: int) -> list:
    steps = generator(n)
    first = next(steps)
    try:
        steps.send("sent")
    except StopIteration as stop:
        second = stop.value
    try:
        failing(n)
    except LookupError as error:
        third = str(error)
        log.exception("failed: %s", error)
    return [function(n), await coroutine(n), first, second, third, [i async for i in async_generator(n)]]


@app.get("/statements")
def statements() -> list:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS t (n int UNIQUE)"))
        connection.execute(text("DELETE FROM t"))
        connection.execute(text("INSERT INTO t VALUES (:n)"), [{"n": 1}, {"n": 2}])
        try:
            with connection.begin_nested():
                connection.execute(text("INSERT INTO t VALUES (1)"))
        except Exception as error:
            kind = type(error).__name__
        return [connection.execute(text("SELECT count(*) FROM t")).scalar(), kind]


@app.get("/pool")
def pooled() -> list:
    return [pool.submit(function, 3).result(), list(pool.map(function, [1, 2]))]


@app.get("/client")
async def client(port: int) -> list:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/echo?q=1", headers={"X-A": "a"}) as response:
            seen = await response.json()
        try:
            await session.get("http://127.0.0.1:1/refused")
        except aiohttp.ClientError as error:
            refused = type(error).__name__
    return [response.status, seen, refused]


@app.get("/clients")
def clients(port: int) -> list:
    url = f"http://127.0.0.1:{port}/echo?q=1"
    found = [requests.get(url, headers={"X-A": "a"}, timeout=9).json(), httpx.get(url, headers={"X-A": "a"}).json()]
    for get in (requests.get, httpx.get):
        try:
            get("http://127.0.0.1:1/refused", timeout=9)
        except Exception as error:
            found.append(type(error).__name__)
    return found


@app.get("/manual")
def manual() -> list:
    tracer = trace.get_tracer("shop")
    with tracer.start_as_current_span("manual", attributes={"a": [1, 2]}) as span:
        span.set_attribute("b", 1)
        span.add_event("e", {"c": "d"})
        span.record_exception(ValueError("recorded"))
        span.update_name("renamed")
        baggage.set_baggage("k", "v")
    try:
        with tracer.start_as_current_span("fails"):
            raise ValueError("left")
    except ValueError as error:
        return [str(error)]


@app.get("/fails")
async def fails() -> None:
    raise ValueError("unhandled")


@app.get("/healthz")
async def healthz() -> str:
    return "ok"


@app.websocket("/socket")
async def socket(ws: WebSocket) -> None:
    await ws.accept()
    await ws.send_text(str(function(int(await ws.receive_text()))))
    await ws.close()


flask = Flask("flask")


@flask.get("/orders/<int:n>")
def order(n: int) -> str:
    if n == 9:
        raise KeyError(n)
    return str(function(n))


PATHS = ["/functions/7", "/statements", "/pool", "/manual", "/fails", "/healthz", "/nowhere"]


async def drive(port: int) -> list:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as http:
        responses = [await http.get(path) for path in [*PATHS, f"/client?port={port}", f"/clients?port={port}"]]
    return [(response.status_code, response.text) for response in responses]


def run(port: int) -> list:
    """Return every response of the application, and whether it leaves the context as it was."""
    found: list = asyncio.run(drive(port))
    with TestClient(app) as http, http.websocket_connect("/socket") as ws:
        ws.send_text("4")
        found.append(ws.receive_text())
    for path in ("/orders/1", "/orders/9"):
        response = flask.test_client().get(path)
        found.append((response.status_code, response.text))
    found.append(trace.get_current_span() is trace.INVALID_SPAN)
    return found


def reset_guards() -> None:
    """Give every hook its failures back, so that the next fault meets it as the first one did."""
    for guard in gc.get_objects():
        if isinstance(guard, Guard):
            guard.failures, guard.is_disabled = 0, False


class Echo(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps([self.path, self.headers["X-A"]]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args) -> None: ...


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_port
    logging.disable()
    expected = run(port)
    if sys.argv[1] == "bare":
        print(json.dumps(expected))
        return
    is_by_line = sys.argv[2] == "lines"
    injector = Injector("line" if is_by_line else "call")
    threading.settrace(injector)
    hit, different = 0, {}
    for file, line, name in (lines if is_by_line else targets)()[:: int(sys.argv[1])]:
        reset_guards()
        injector.target, injector.hits = (file, line), 0
        sys.settrace(injector)
        try:
            found = run(port)
        except Exception as error:
            found = repr(error)
        sys.settrace(None)
        hit += injector.hits > 0
        if found != expected:
            different[f"{Path(file).name}:{line} {name}"] = str(found)[:300]
    print(json.dumps({"hit": hit, "different": different, "expected": expected}))


if __name__ == "__main__":
    main()
