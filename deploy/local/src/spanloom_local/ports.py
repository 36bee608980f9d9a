"""Listening sockets, bound by us and handed to the servers: no port can be lost between choosing and using it."""

from __future__ import annotations

import os
import socket

from spanloom_local.processes import StackError

HOST = "127.0.0.1"


def listen(port: int) -> socket.socket:
    """Listen on `port` of 127.0.0.1 (0: any free one); StackError when it is taken.

    What is accepted sends without delay. uvicorn takes the listener for a Unix socket (`--fd`), so asyncio does not
    ask for that, and an answer's body waits 40 ms for the acknowledgement of its head.
    """
    try:
        listener = socket.create_server((HOST, port))
    except OSError as error:
        raise StackError(
            f"port {port} cannot be used: {os.strerror(error.errno or 0)}. Free it or choose another."
        ) from error
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def listen_near(port: int) -> socket.socket:
    """Listen on `port`, or on any free one when it is taken."""
    try:
        return listen(port)
    except StackError:
        return listen(0)
