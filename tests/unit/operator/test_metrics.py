"""Metrics that alerts use: states of injections, contact with the API server, and certificates."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import trustme
from prometheus_client import REGISTRY
from support.builders.deployments import profile
from support.processes.commands import free_port
from support.servers.api_double import ApiDouble
from support.servers.simulation import started

from spanloom_operator.controller.certificates import CertificateMonitor, https_addresses
from spanloom_operator.controller.controller import Controller
from spanloom_operator.injection.record import STATES
from spanloom_operator.kube.list_watch import ListWatch
from spanloom_operator.profiles.rules import Rules
from spanloom_operator.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ANY = Rules(("*",))
EXPIRY = datetime(2040, 1, 2, 3, 4, 5, tzinfo=UTC)
EXPIRY_METRIC = "spanloom_operator_certificate_expiry_timestamp_seconds"


def spec(endpoint: str) -> dict[str, object]:
    """Return the spec of a profile with this endpoint."""
    found: dict[str, object] = profile(exporter={"endpoint": endpoint, "protocol": "http/protobuf"})["spec"]
    return found


@asynccontextmanager
async def tls_server(port: int, *, verify_clients: bool) -> AsyncIterator[None]:
    """Serve a certificate that ends at EXPIRY; `verify_clients` as in the Collector's chart."""
    context, authority = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), trustme.CA()
    authority.issue_cert("localhost", not_after=EXPIRY).configure_cert(context)
    if verify_clients:
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "localhost", port, ssl=context)
    async with server:
        yield


def expiry(port: int) -> float | None:
    return REGISTRY.get_sample_value(EXPIRY_METRIC, {"endpoint": f"localhost:{port}"})


def test_injections_are_counted_by_state() -> None:
    """Every state has a series, 0 where there is none, so that an alert on it clears when the state ends."""
    sim = started()
    assert {"Injected": 1.0} == {state: count for state in STATES if (count := injections(state))}
    sim.run(sim.label, sim.settle)
    assert [0.0] * len(STATES) == [injections(state) for state in STATES]


def injections(state: str) -> float | None:
    return REGISTRY.get_sample_value("spanloom_operator_injections", {"state": state})


def test_age_is_that_of_the_watch_that_waits_longest() -> None:
    """The time since the last contact of one watch is not hidden by another one's; without watches it is 0."""
    watches = Controller(ApiDouble(), Settings(namespace="home")).watches
    assert 0 == watches.oldest_contact_seconds(1000)
    for name, contact in {"/old": 400.0, "/new": 990.0}.items():
        watches.list_watches[name] = ListWatch(ApiDouble(), name, clock=lambda contact=contact: contact)
    assert 600 == watches.oldest_contact_seconds(1000)


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("https://collector.demo.svc:4318", {("collector.demo.svc", 4318)}),
        ("https://collector.example.org", {("collector.example.org", 443)}),
        ("https://[::1]:4318/otlp", {("::1", 4318)}),
        ("http://collector.demo.svc:4318", set()),
        ("ftp://collector.demo.svc", set()),
    ],
)
def test_addresses_are_those_of_valid_https_endpoints(endpoint: str, expected: set[tuple[str, int]]) -> None:
    """Host and port of an https endpoint; none of plain HTTP, nor of a profile that is not valid."""
    assert expected == https_addresses([spec(endpoint)], ANY)


def test_endpoints_outside_of_the_allow_list_are_not_contacted() -> None:
    """A profile with an endpoint that the operator's settings do not allow is not valid, and causes no connection."""
    assert set() == https_addresses([spec("https://elsewhere:4318")], Rules(("https://collector:4318",)))


@pytest.mark.parametrize("verify_clients", [False, True])
async def test_the_end_of_a_presented_certificate_is_a_metric(verify_clients: bool) -> None:
    """The end of a real TLS server's certificate is kept while it is down, and removed with the profile."""
    port = free_port()
    specs = {("demo", "default"): spec(f"https://localhost:{port}")}
    monitor = CertificateMonitor(specs, ANY)
    await monitor.check()
    assert expiry(port) is None

    async with tls_server(port, verify_clients=verify_clients):
        await monitor.check()
    assert EXPIRY.timestamp() == expiry(port)

    await monitor.check()
    assert EXPIRY.timestamp() == expiry(port)

    specs.clear()
    await monitor.check()
    assert expiry(port) is None


@pytest.mark.parametrize("host", ["a..b", "a" * 64], ids=["an empty label", "a label too long"])
async def test_a_host_name_that_cannot_be_looked_up_has_no_certificate(host: str) -> None:
    """Any profile may name one, and the operator continues."""
    monitor = CertificateMonitor({("demo", "default"): spec(f"https://{host}:4318")}, ANY)
    await monitor.check()
    assert REGISTRY.get_sample_value(EXPIRY_METRIC, {"endpoint": f"{host}:4318"}) is None
