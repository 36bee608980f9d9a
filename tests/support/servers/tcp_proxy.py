"""A TCP proxy that simulates a broken network or server."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK = 65_536
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset instead of an end
GARBAGE = b"220 mail.example.org ESMTP\r\n\x00\xff\r\n"


class TcpProxy(socketserver.ThreadingTCPServer):
    """Forwards bytes to `target` (a URL), depending on the mode; `passed` contains the bytes of clients.

    Modes: `through`; `hold` keeps the bytes of both sides until the mode changes; `reset` and `garbage` send that to a
    client and close.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.target, self.passed = "", bytearray()
        self._mode, self._changed = "through", threading.Condition()

    @property
    def url(self) -> str:
        """The URL for clients."""
        return "http://{}:{}".format(*self.server_address)

    @contextmanager
    def mode(self, mode: str) -> Iterator[None]:
        """Be in `mode` inside the block."""
        self._set(mode)
        try:
            yield
        finally:
            self._set("through")

    def _set(self, mode: str) -> None:
        with self._changed:
            self._mode = mode
            self._changed.notify_all()

    def current_mode(self) -> str:
        """Return the mode, once it is not `hold`."""
        with self._changed:
            self._changed.wait_for(lambda: self._mode != "hold")
            return self._mode


class _Connection(socketserver.BaseRequestHandler):
    server: TcpProxy

    def handle(self) -> None:
        client: socket.socket = self.request
        target = urlsplit(self.server.target)
        try:
            with socket.create_connection((target.hostname or "", target.port or 80)) as upstream:
                threading.Thread(target=self._respond, args=(upstream,), daemon=True).start()
                while chunk := client.recv(CHUNK):
                    if (mode := self.server.current_mode()) != "through":
                        return _misbehave(mode, client)
                    self.server.passed += chunk
                    upstream.sendall(chunk)
        except OSError:  # one side has closed the connection
            client.close()

    def _respond(self, upstream: socket.socket) -> None:
        try:
            while chunk := upstream.recv(CHUNK):
                self.server.current_mode()
                self.request.sendall(chunk)
            self.request.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # one side has closed the connection


def _misbehave(mode: str, client: socket.socket) -> None:
    if mode == "garbage":
        client.sendall(GARBAGE)
    else:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    client.close()


@contextmanager
def tcp_proxy() -> Iterator[TcpProxy]:
    """Run a proxy."""
    with TcpProxy() as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
