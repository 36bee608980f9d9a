"""The trust boundary: whose traceparent, tracestate and baggage are obeyed.

Strangers' context is dropped: `traceparent: …-00` would hide their requests, `…-01` would let them choose our
trace ids and our sampling (W3C Trace Context, section "Security Considerations").
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from spanloom.errors import ConfigurationError

if TYPE_CHECKING:
    from ipaddress import IPv4Network

EXPECTED = "true, false, or networks separated by commas, such as 10.0.0.0/8,fd00::/8"


@dataclass(frozen=True)
class Boundary:
    """Whose context is obeyed: everyone's, no one's, or that of callers within `networks`."""

    everyone: bool = False
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def trusts(self, host: str | None) -> bool:
        """Tell whether context sent from `host` (an IP address as text; None over a Unix socket) is obeyed."""
        return self.everyone or (bool(self.networks) and host is not None and _within(self.networks, host))


def parse_boundary(text: str) -> Boundary:
    """Return the boundary `text` describes; ConfigurationError names the network that is none."""
    word = text.strip().lower()
    if word in ("true", "false", ""):
        return Boundary(everyone=word == "true")
    return Boundary(networks=tuple(_network(part.strip()) for part in text.split(",")))


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError:
        raise ConfigurationError("SPANLOOM_TRUST_INCOMING", text, EXPECTED) from None


@lru_cache(maxsize=1024)
def _within(networks: tuple[IPv4Network | IPv6Network, ...], host: str) -> bool:
    try:
        address = _plain(ip_address(host))
    except ValueError:
        return False
    return any(address in network for network in networks)


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address inside an IPv4-mapped one: a dual-stack socket reports 10.0.0.1 as ::ffff:10.0.0.1."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
