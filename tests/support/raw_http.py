"""HTTP as raw bytes: any header, any number of times."""

from __future__ import annotations

import socket
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SECONDS = 30.0


def connect(url: str) -> socket.socket:
    """Return a connection to the server of `url`."""
    address = urlsplit(url)
    return socket.create_connection((address.hostname or "", address.port or 80), timeout=SECONDS)


@contextmanager
def connections(url: str, count: int, first: bytes = b"") -> Iterator[list[socket.socket]]:
    """Open `count` connections and send these bytes on each."""
    with ExitStack() as stack:
        held = [stack.enter_context(connect(url)) for _ in range(count)]
        for connection in held:
            connection.sendall(first)
        yield held


def exchange(url: str, pieces: Iterable[bytes]) -> bytes:
    """Send pieces until the server closes or all are sent, and return every byte that it sends."""
    with connect(url) as connection:
        with suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
        return everything(connection)


def everything(connection: socket.socket) -> bytes:
    """Return all bytes until the connection is closed or reset."""
    found = bytearray()
    with suppress(ConnectionError):
        while piece := connection.recv(65_536):
            found += piece
    return bytes(found)


class Request(NamedTuple):
    """A request that closes its connection."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""

    def written(self, canary: str = "") -> bytes:
        """Return its bytes, with the word CANARY replaced."""
        body = self.body.replace("CANARY", canary)
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: localhost", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in [*self.headers, ("Content-Length", str(len(body.encode())))]]
        return ("\r\n".join([*lines, "", ""]).replace("CANARY", canary) + body).encode()


def status(response: bytes) -> int:
    """Return the status code of a response; 0 when there is none."""
    return int(response.split(b" ", 2)[1]) if response.startswith(b"HTTP/1.") else 0
