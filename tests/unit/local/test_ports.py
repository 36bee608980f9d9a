"""Ports that are free, or not."""

import socket

import pytest

from spanloom_local.ports import listen, listen_near
from spanloom_local.processes import StackError


def test_a_busy_port_is_named() -> None:
    """The port asked for is taken: say so."""
    with listen(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StackError, match=f"port {port} cannot be used: Address already in use"):
            listen(port)


def test_a_busy_port_is_worked_around() -> None:
    """The port only preferred is taken: another one serves."""
    with listen(0) as taken, listen_near(taken.getsockname()[1]) as other:
        assert taken.getsockname()[1] != other.getsockname()[1]


def test_what_is_accepted_sends_without_delay() -> None:
    """The second write of an answer does not wait for the first to be acknowledged."""
    with listen(0) as listener, socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
