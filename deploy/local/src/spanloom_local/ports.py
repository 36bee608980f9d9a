"""Listening sockets that the servers inherit: no other program can take a port between its choice and its use."""

from __future__ import annotations

import os
import socket

from spanloom_local.processes import StackError

HOST = "127.0.0.1"


def listen(port: int) -> socket.socket:
    """Listen on `port` of 127.0.0.1 (0: any free port); StackError if it is in use.

    Accepted connections have TCP_NODELAY. uvicorn treats an inherited socket (`--fd`) as a Unix socket, so asyncio does
    not set the option, and the body of a response would wait 40 ms for the acknowledgement of its head.
    """
    try:
        listener = socket.create_server((HOST, port))
    except OSError as error:
        raise StackError(
            f"port {port} is not available: {os.strerror(error.errno or 0)}. Free it or choose another."
        ) from error
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def listen_near(port: int) -> socket.socket:
    """Listen on `port`, or on any free port if it is in use."""
    try:
        return listen(port)
    except StackError:
        return listen(0)
