"""A neighbour that misbehaves on demand: a real TCP server that answers bytes from a script."""

from __future__ import annotations

import socketserver
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HANG = b"hang"
DROP = b""


def answer(status: str, body: str, *headers: str, kind: str = "application/json") -> bytes:
    """Return a whole HTTP answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body.encode())}", *headers]
    return ("\r\n".join([*lines, "Connection: close", "", ""]) + body).encode()


class Downstream(socketserver.ThreadingTCPServer):
    """Plays `script`, an item a request and the last one for ever; `asked` holds the requests' first lines."""

    daemon_threads = True

    def __init__(self, *script: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script, self.asked, self.closing = list(script), list[str](), threading.Event()
        self.connections = 0

    @property
    def url(self) -> str:
        """The server's address."""
        return "http://{}:{}".format(*self.server_address)

    def next(self) -> bytes:
        """Return the next item of the script."""
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


class _Handler(socketserver.StreamRequestHandler):
    server: Downstream

    def handle(self) -> None:
        self.server.connections += 1
        while self._answered():
            pass

    def _answered(self) -> bool:
        """Answer a request; False when there is none any more or its answer ends the connection."""
        request = self.rfile.readline().decode().strip()
        if not request:
            return False
        length = 0
        while (line := self.rfile.readline().strip()) != b"":
            name, _, value = line.lower().partition(b":")
            length = int(value) if name == b"content-length" else length
        self.rfile.read(length)
        self.server.asked.append(request)
        item = self.server.next()
        if item is HANG:
            self.server.closing.wait()
        self.wfile.write(item)
        return b"Content-Length" in item and b"Connection: close" not in item


@contextmanager
def downstream(*script: bytes) -> Iterator[Downstream]:
    """Run a `Downstream`."""
    with Downstream(*script) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()
