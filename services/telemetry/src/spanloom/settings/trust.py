"""The trust boundary: callers from which traceparent, tracestate and baggage are accepted.

The context of untrusted callers is dropped: `traceparent: …-00` would disable sampling of their requests, `…-01` would
let them choose trace ids and sampling (W3C Trace Context, section "Security Considerations").
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from spanloom.settings.errors import SettingsError

if TYPE_CHECKING:
    from ipaddress import IPv4Network

EXPECTED = "true, false, or networks separated by commas, such as 10.0.0.0/8,fd00::/8"


@dataclass(frozen=True)
class TrustPolicy:
    """Accept the context of every caller, of no caller, or of callers within `networks`."""

    trusts_all: bool = False
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def trusts(self, host: str | None) -> bool:
        """Return whether context from `host` (an IP address; None for a Unix socket) is accepted."""
        return self.trusts_all or (bool(self.networks) and host is not None and _is_within(self.networks, host))


def parse_trust(text: str) -> TrustPolicy:
    """Return the policy in `text`; SettingsError names an invalid network."""
    value = text.strip().lower()
    if value in ("true", "false", ""):
        return TrustPolicy(trusts_all=value == "true")
    return TrustPolicy(networks=tuple(_network(part.strip()) for part in text.split(",")))


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError:
        raise SettingsError("SPANLOOM_TRUST_INCOMING", text, EXPECTED) from None


@lru_cache(maxsize=1024)
def _is_within(networks: tuple[IPv4Network | IPv6Network, ...], host: str) -> bool:
    try:
        address = _without_mapping(ip_address(host))
    except ValueError:
        return False
    return any(address in network for network in networks)


def _without_mapping(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address of an IPv4-mapped one: dual-stack sockets report 10.0.0.1 as ::ffff:10.0.0.1."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
