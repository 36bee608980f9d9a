"""The receiver of all telemetry: a process that stores every request body; decoded after the run.

`python -m bench.sink DIRECTORY FD…` listens on each file descriptor and appends requests to DIRECTORY/NUMBER, NUMBER
counting the descriptors from 0. It prints the line `listening`; SIGTERM ends it.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import struct
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import httptools

if TYPE_CHECKING:
    from collections.abc import Iterator

LENGTH = struct.Struct(">I")
# An empty body means success in OTLP; clients of the Datadog agent expect JSON.
OTLP_RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"
AGENT_RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class StoredRequest(NamedTuple):
    """A request: path, Content-Encoding, body."""

    path: str
    encoding: str
    body: bytes


class RequestStore(asyncio.Protocol):
    """Stores the requests of one connection, one after the other."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._parser = httptools.HttpRequestParser(self)
        self._clear()

    def _clear(self) -> None:
        self._path, self._encoding, self._body = "", "", bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_url(self, url: bytes) -> None:
        self._path += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-encoding":
            self._encoding = value.decode("latin-1").lower()
        elif name.lower() == b"expect":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        write(self._file, StoredRequest(self._path, self._encoding, bytes(self._body)))
        self._transport.write(OTLP_RESPONSE if self._path.startswith("/v1/") else AGENT_RESPONSE)
        self._clear()


def write(file: BinaryIO, kept: StoredRequest) -> None:
    """Append one request: a line of JSON and the body, each preceded by its length."""
    head = json.dumps([kept.path, kept.encoding]).encode()
    file.write(LENGTH.pack(len(head)) + head + LENGTH.pack(len(kept.body)) + kept.body)


def read(path: Path) -> Iterator[StoredRequest]:
    """Yield the requests that `write` stored in a file."""
    with path.open("rb") as file:
        while head := _piece(file):
            name, encoding = json.loads(head)
            yield StoredRequest(name, encoding, _piece(file))


def _piece(file: BinaryIO) -> bytes:
    length = file.read(LENGTH.size)
    return file.read(*LENGTH.unpack(length)) if length else b""


async def serve(directory: Path, descriptors: list[int]) -> None:
    """Store requests of every descriptor until SIGTERM."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, done.set)
    files = [(directory / str(number)).open("wb") for number in range(len(descriptors))]
    for file, descriptor in zip(files, descriptors, strict=True):
        await loop.create_server(partial(RequestStore, file), sock=socket.socket(fileno=descriptor))
    print("listening", flush=True)
    await done.wait()
    for file in files:
        file.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), [int(word) for word in sys.argv[2:]]))
