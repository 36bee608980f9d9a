"""A real TCP server whose responses come from a script: a downstream service that fails on demand."""

from __future__ import annotations

import socketserver
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HANG = b"hang"
DROP = b""


def response(status: str, body: str, *headers: str, kind: str = "application/json") -> bytes:
    """Return the bytes of an HTTP response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body.encode())}", *headers]
    return ("\r\n".join([*lines, "Connection: close", "", ""]) + body).encode()


class ScriptedServer(socketserver.ThreadingTCPServer):
    """Sends an item of `script` for each request, the last one for all that follow; `requests` holds request lines."""

    daemon_threads = True

    def __init__(self, *script: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script, self.requests, self.closing = list(script), list[str](), threading.Event()
        self.connections = 0

    @property
    def url(self) -> str:
        """The server's address."""
        return "http://{}:{}".format(*self.server_address)

    def next(self) -> bytes:
        """Return the next item of the script."""
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


class _Handler(socketserver.StreamRequestHandler):
    server: ScriptedServer

    def handle(self) -> None:
        self.server.connections += 1
        while self._respond():
            pass

    def _respond(self) -> bool:
        """Respond to one request; return False at the end of the connection."""
        request = self.rfile.readline().decode().strip()
        if not request:
            return False
        length = 0
        while (line := self.rfile.readline().strip()) != b"":
            name, _, value = line.lower().partition(b":")
            length = int(value) if name == b"content-length" else length
        self.rfile.read(length)
        self.server.requests.append(request)
        item = self.server.next()
        if item is HANG:
            self.server.closing.wait()
        self.wfile.write(item)
        return b"Content-Length" in item and b"Connection: close" not in item


@contextmanager
def scripted_server(*script: bytes) -> Iterator[ScriptedServer]:
    """Run a server with this script."""
    with ScriptedServer(*script) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()
