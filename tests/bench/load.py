"""The load: GET requests over a few keep-alive connections, as a closed loop (bursts) or an open one (a fixed rate)."""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

CONNECTIONS = 16
RESPONSE_SECONDS = 10.0
LARGEST_READ = 65_536
AGENT = "User-Agent: spanloom-bench"
HEAD_END = b"\r\n\r\n"


class LoadError(Exception):
    """An unexpected response: the measurement is invalid."""


class Client:
    """Sends the same request repeatedly; every response must have status 200."""

    def __init__(self, url: str, path: str, headers: Iterable[str] = ()) -> None:
        address = urlsplit(url)
        self.served = 0
        self._request = "\r\n".join(
            [f"GET {path} HTTP/1.1", f"Host: {address.netloc}", AGENT, *headers, "", ""]
        ).encode()
        self._selector = selectors.DefaultSelector()
        self._connections = [_Connection(address.hostname or "", address.port or 80) for _ in range(CONNECTIONS)]
        self._free = deque(self._connections)
        for connection in self._connections:
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections:
            connection.socket.close()
        self._selector.close()

    def burst(self, count: int) -> float:
        """Send `count` requests, each as soon as a connection is free; return the seconds."""
        start = time.perf_counter()
        self._run([start] * count)
        return time.perf_counter() - start

    def steady(self, rate: float, count: int) -> list[float]:
        """Send `count` requests at `rate` a second; return the seconds of each from when it was due.

        Waiting for a free connection counts: a server that stalls is not asked less.
        """
        start = time.perf_counter()
        return self._run([start + number / rate for number in range(count)])

    def _run(self, due: list[float]) -> list[float]:
        waiting, busy, taken = deque(due), 0, []
        while waiting or busy:
            while waiting and self._free and waiting[0] <= time.perf_counter():
                self._free.popleft().send(self._request, waiting.popleft())
                busy += 1
            for connection in self._readable(waiting if self._free else None):
                if connection.receive():
                    taken.append(time.perf_counter() - connection.due)
                    self._free.append(connection)
                    busy -= 1
        self.served += len(taken)
        return taken

    def _readable(self, waiting: deque[float] | None) -> list[_Connection]:
        """Return the connections with data; wait at most until the next request is due."""
        pause = max(0.0, waiting[0] - time.perf_counter()) if waiting else RESPONSE_SECONDS
        ready = self._selector.select(pause)
        if not ready and not waiting:
            raise LoadError(f"no response within {RESPONSE_SECONDS:g} s")
        return [key.data for key, _ in ready]


class _Connection:
    """A keep-alive connection with at most one open request."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), RESPONSE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = 0.0
        self._buffer = b""

    def send(self, request: bytes, due: float) -> None:
        self.due = due
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Read the available data; return whether the response is complete. LoadError if it is not a 200 or is cut."""
        data = self.socket.recv(LARGEST_READ)
        if not data:
            raise LoadError("the service closed a connection in use")
        self._buffer += data
        head, end, body = self._buffer.partition(HEAD_END)
        if not end or len(body) < body_length(head):
            return False
        self._buffer = b""
        return True


def body_length(head: bytes) -> int:
    """Return the Content-Length of a response head; LoadError if its status is not 200 or the header is missing."""
    status, *fields = head.split(b"\r\n")
    if status.split(b" ")[1:2] != [b"200"]:
        raise LoadError(f"expected the status 200, got {status.decode(errors='replace')}")
    for field in fields:
        name, _, value = field.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise LoadError("a response without Content-Length")
