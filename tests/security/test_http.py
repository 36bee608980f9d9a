"""Abusive HTTP: it is refused, the process does not grow, and other requests are served meanwhile."""

from __future__ import annotations

import resource
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import psutil  # type: ignore[import-untyped]  # it has no types of its own
import pytest
from support.polling import poll_until
from support.raw_http import Request, connect, connections, everything, exchange, status

from spanloom_local.journey import Response, send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.processes.stack import Stack

HEAD = b"GET /users HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
PIECE = b"a" * 65_000
PIECES = 1_000  # 65 MB
GROWTH = 24 * 2**20  # bytes: limit of growth, less than half of the sent bytes
# Half of the limit of open files, because client and server are on one machine.
MANY = min(10_000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2 - 1_500)


def endless(start: bytes, piece: bytes = PIECE) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        yield start
        for _ in range(PIECES):
            yield piece

    return pieces


def once(data: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: iter([data])


class Abuse(NamedTuple):
    """A request to send, and the expected status (0: the connection is closed without a response)."""

    pieces: Callable[[], Iterator[bytes]]
    status: int


REFUSED = {
    "endless header": Abuse(endless(HEAD + b"X-A: "), 400),
    "endless headers": Abuse(endless(HEAD, b"X-A: " + PIECE + b"\r\n"), 400),
    "100,000 headers": Abuse(once(HEAD + b"X-A: b\r\n" * 100_000), 400),
    "endless URL": Abuse(endless(b"GET /"), 400),
    "endless body": Abuse(endless(CHUNKED, b"fde8\r\n" + PIECE + b"\r\n"), 413),
    "declared 10 GB": Abuse(endless(POST + b"Content-Length: 10000000000\r\n\r\n"), 413),
    "endless trailers": Abuse(endless(CHUNKED + b"2\r\n{}\r\n0\r\n", b"X-A: " + PIECE + b"\r\n"), 408),
    "deep JSON": Abuse(once(POST + b"Connection: close\r\nContent-Length: 60000\r\n\r\n" + b"[" * 60_000), 400),
    "two lengths": Abuse(once(POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"), 400),
    "length and chunks": Abuse(once(POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400),
    "negative length": Abuse(once(POST + b"Content-Length: -1\r\n\r\n"), 400),
    "chunk without a size": Abuse(once(CHUNKED + b"zz\r\n"), 400),
    "NUL in a header": Abuse(once(HEAD + b"X: a\x00b\r\n\r\n"), 400),
    "bare line ends in a header": Abuse(once(HEAD + b"X: a\rb\r\n\r\n"), 400),
    "unknown method": Abuse(once(b"STEAL /users HTTP/1.1\r\n\r\n"), 400),
    "TLS": Abuse(once(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(150)), 400),
    "HTTP/2": Abuse(once(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 400),
}
UNFINISHED = {
    "slow heads": (500, HEAD),
    "slow bodies": (500, POST + b"Content-Length: 100\r\n\r\n{"),
    "bodies for an unknown path": (100, b"POST /nowhere HTTP/1.1\r\nContent-Length: 100\r\n\r\n{"),
    "idle connections": (MANY, b""),
}


@contextmanager
def without_growth(stack: Stack) -> Iterator[None]:
    """Assert that the memory of users-api does not grow inside the block."""
    process = psutil.Process(stack.users_api.popen.pid)
    before = process.memory_info().rss
    yield
    assert process.memory_info().rss - before < GROWTH


def assert_serves_others(stack: Stack) -> None:
    assert [200] * 3 == [send(stack.url, "GET", path).status for path in ("/users", "/healthz", "/readyz")]


@pytest.mark.parametrize("abuse", REFUSED.values(), ids=REFUSED)
def test_abuse_is_refused(stack: Stack, abuse: Abuse) -> None:
    """The request gets its status, the connection is closed, and the process has not grown."""
    with without_growth(stack):
        assert abuse.status == status(exchange(stack.url, abuse.pieces()))
    assert_serves_others(stack)


def test_unfinished_requests_are_closed(stack: Stack) -> None:
    """Others are served while up to 10,000 connections of all kinds wait, and each of these is closed."""
    with ExitStack() as waiting:
        kinds = [waiting.enter_context(connections(stack.url, *unfinished)) for unfinished in UNFINISHED.values()]
        for _ in range(5):
            assert_serves_others(stack)
        ends = [{status(everything(connection)) for connection in held} for held in kinds]
    assert [{0}, {408}, {404}, {0}] == ends


def test_a_process_without_file_descriptors_recovers(stack: Stack) -> None:
    """The process survives without a free file descriptor, and responds again once connections close."""
    process = psutil.Process(stack.users_api.popen.pid)
    before = process.rlimit(psutil.RLIMIT_NOFILE)
    process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + 20, before[1]))
    try:
        with connections(stack.url, 100):
            poll_until(lambda: process.num_fds() >= process.rlimit(psutil.RLIMIT_NOFILE)[0], "no descriptor is left")
        poll_until(partial(responses, stack), "it responds again")
    finally:
        process.rlimit(psutil.RLIMIT_NOFILE, before)
    assert stack.users_api.alive


def responses(stack: Stack) -> bool:
    try:
        return send(stack.url, "GET", "/users").status == 200
    except OSError:
        return False


def test_pipelined_requests_each_get_a_response(stack: Stack) -> None:
    """Two hundred pipelined requests get their responses in order, each with a trace of its own."""
    sent = [Response(404, None, f"pipeline/{number}") for number in range(200)]
    one = "GET /users/00000000-0000-0000-0000-000000000000 HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {}\r\n\r\n"
    with connect(stack.url) as connection:
        connection.sendall("".join(one.format(request.mark) for request in sent).encode())
        assert_serves_others(stack)
        connection.sendall(Request("GET", "/healthz").written())  # which ends the connection
        assert len(sent) == everything(connection).count(b"HTTP/1.1 404")
    poll_until(lambda: stack.edges(sent) == len(sent), "each has its trace")
