"""Ports that are in use, or free."""

import socket

import pytest

from spanloom_local.ports import listen, listen_near
from spanloom_local.processes import StackError


def test_a_busy_port_is_named() -> None:
    """A required port that is in use causes an error that names it."""
    with listen(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StackError, match=f"port {port} is not available: Address already in use"):
            listen(port)


def test_a_preferred_port_in_use_is_replaced() -> None:
    """A preferred port that is in use is replaced by a free one."""
    with listen(0) as taken, listen_near(taken.getsockname()[1]) as other:
        assert taken.getsockname()[1] != other.getsockname()[1]


def test_accepted_connections_have_nodelay() -> None:
    """The second write of a response does not wait for an acknowledgement of the first."""
    with listen(0) as listener, socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
