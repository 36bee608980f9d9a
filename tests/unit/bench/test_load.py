"""The load generator refuses responses that invalidate a measurement."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from bench.load import CONNECTIONS, Client, LoadError, body_length

if TYPE_CHECKING:
    from collections.abc import Iterator

RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@contextmanager
def server(response: bytes) -> Iterator[str]:
    """Send the same bytes for every request, in two pieces; without bytes, close the connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def respond(connection: socket.socket) -> None:
        with connection:
            while connection.recv(65536) and response:
                connection.sendall(response[:10])
                connection.sendall(response[10:])

    def accepting() -> None:
        for _ in range(CONNECTIONS):
            Thread(target=respond, args=[listener.accept()[0]]).start()

    accepter = Thread(target=accepting)
    accepter.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    accepter.join()
    listener.close()


def test_bursts_and_steady_rates_count_requests() -> None:
    """Every request is counted, and each of an open loop has a latency."""
    with server(RESPONSE) as url, Client(url, "/") as client:
        client.burst(40)
        assert len(client.steady(10_000, 25)) == 25
        assert client.served == 65


def test_a_closed_connection_is_an_error() -> None:
    """A connection that the service closes is an error."""
    with server(b"") as url, Client(url, "/") as client, pytest.raises(LoadError, match="closed a connection"):
        client.burst(1)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0", "503"),
        (b"HTTP/1.1 200 OK\r\nDate: x", "Content-Length"),
    ],
)
def test_an_unexpected_response_ends_the_run(head: bytes, message: str) -> None:
    """An error response ends the run: it is faster than a success and would favour the arm."""
    with pytest.raises(LoadError, match=message):
        body_length(head)
