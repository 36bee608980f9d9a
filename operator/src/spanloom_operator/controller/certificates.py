"""When the certificates of the endpoints end to which OtelProfiles send telemetry."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

from cryptography.x509 import load_pem_x509_certificate

from spanloom_operator.controller.metrics import CERTIFICATES
from spanloom_operator.profiles.reader import InvalidProfile, read
from spanloom_operator.profiles.rules import PORTS, split_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spanloom_operator.kube.api import Key
    from spanloom_operator.profiles.rules import Rules

CHECK_SECONDS = 300
"""Time between two looks at every endpoint."""
HANDSHAKE_SECONDS = 5.0

Address = tuple[str, int]
"""Host and port."""


class CertificateMonitor:
    """Sets the metric for every https endpoint of a valid profile; `specs` are those of the cache."""

    def __init__(self, specs: Mapping[Key, Mapping[str, Any]], rules: Rules) -> None:
        self._specs, self._rules = specs, rules
        self._expiries: dict[Address, float] = {}

    async def run(self) -> None:
        """Look at every endpoint, for ever."""
        while True:
            await self.check()
            await asyncio.sleep(CHECK_SECONDS)

    async def check(self) -> None:
        """Look at every endpoint once; one that is not reachable keeps the value of its last certificate."""
        addresses = https_addresses(list(self._specs.values()), self._rules)
        seen = {address: await presented_expiry(address) for address in addresses}
        found = {address: expiry for address, expiry in seen.items() if expiry is not None}
        kept = {address: expiry for address, expiry in self._expiries.items() if address in addresses}
        self._expiries = kept | found
        CERTIFICATES.clear()
        for (host, port), expiry in self._expiries.items():
            CERTIFICATES.labels(f"{host}:{port}").set(expiry)


def https_addresses(specs: Iterable[Mapping[str, Any]], rules: Rules) -> set[Address]:
    """Return the addresses of the https endpoints; a profile that is not valid has none, as nothing is sent there."""
    parts = [split_endpoint(endpoint) for spec in specs if (endpoint := _endpoint(spec, rules))]
    return {(each.hostname or "", each.port or PORTS["https"]) for each in parts if each.scheme == "https"}


async def presented_expiry(address: Address) -> float | None:
    """Return when the certificate that an address presents ends, in seconds since the epoch; None without one.

    The certificate is not verified: an expired or unknown one ends some time, too.
    """
    try:
        pem = await asyncio.to_thread(ssl.get_server_certificate, address, timeout=HANDSHAKE_SECONDS)
        return load_pem_x509_certificate(pem.encode()).not_valid_after_utc.timestamp()
    except (OSError, ValueError):  # not reachable, no TLS, no possible host name, or not a certificate
        return None


def _endpoint(spec: Mapping[str, Any], rules: Rules) -> str | None:
    try:
        exporter = read(spec, rules).exporter
    except InvalidProfile:
        return None
    return exporter.endpoint if exporter else None
