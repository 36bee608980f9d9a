"""What becomes of each change, and when a watch counts as broken."""

from __future__ import annotations

import asyncio
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from support.builders.deployments import deployment, profile
from support.processes.commands import free_port
from support.servers.api_double import ApiDouble

from spanloom_operator.controller.controller import Controller
from spanloom_operator.controller.probe import serving
from spanloom_operator.kinds import DEPLOYMENT
from spanloom_operator.kube.list_watch import ListWatch
from spanloom_operator.names import INJECT_LABEL
from spanloom_operator.settings import Settings


def controller_at(now: float) -> Controller:
    controller = Controller(ApiDouble(), Settings(namespace="home", stale=600))
    controller.watches.list_watches["x"] = ListWatch(controller.api, "/x", clock=lambda: now)
    return controller


def test_pages_are_used_where_they_can_be() -> None:
    """Deployments are looked at as soon as they are read; which namespaces have the label only a whole list shows."""
    controller = controller_at(0)
    watches, cache = controller.watches, controller.cache
    watches._namespaces_changed("PAGE", [{"metadata": {"name": "demo", "labels": {INJECT_LABEL: "true"}}}])
    watches._workloads_changed(DEPLOYMENT, "", "PAGE", [deployment()])
    assert ({}, [DEPLOYMENT.key_of(deployment())]) == (cache.namespaces, list(cache.workloads))
    assert not controller.queue.idle.is_set()


def test_watch_without_contact_is_stale() -> None:
    """A watch without contact for the setting's `stale` seconds is named."""
    watches = controller_at(1000).watches
    assert ([], ["x"]) == (watches.stale_watches(1600), watches.stale_watches(1601))


def test_profile_that_kopf_misses_is_stale() -> None:
    """A profile that the list showed at the last resync and kopf has still not brought means kopf's watch is broken."""
    controller = controller_at(1000)
    controller.profile_changed("LISTED", profile(namespace="home"))
    controller.watches._profile_versions = {("home", "default"): 1}
    assert [] == controller.watches.stale_watches(1000)
    controller.watches._profile_versions = {("home", "default"): 2}
    assert ["otelprofiles"] == controller.watches.stale_watches(1000)


def response(url: str) -> tuple[int, str]:
    try:
        with urlopen(url, timeout=5) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
@pytest.mark.parametrize(
    ("stale", "expected"), [([], (200, "ok\n")), (["x"], (503, "watch stale for more than 600 s: x\n"))]
)
async def test_probe(host: str, stale: list[str], expected: tuple[int, str]) -> None:
    """The probe responds on IPv4 and IPv6, and fails with the names of the stale watches."""
    port = free_port()
    async with serving(port, lambda _: stale, 600):
        assert expected == await asyncio.to_thread(response, f"http://{host}:{port}/healthz")
