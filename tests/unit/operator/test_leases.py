"""Who looks after what: one installation per scope, the namespaces' before the cluster's."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from support.servers.api_double import ApiDouble

from spanloom_operator.controller.leases import LEASE_DURATION_SECONDS, Claims, LeaseLost


@dataclass
class Clock:
    """Monotonic seconds."""

    seconds: float = 0

    def __call__(self) -> float:
        return self.seconds


def claims(api: ApiDouble, installation: str, *namespaces: str, clock: Clock | None = None) -> Claims:
    return Claims(api, installation, namespaces, clock or Clock())


def test_second_installation_of_the_cluster_stands_by() -> None:
    """It learns who has the cluster's Lease; the first one, restarted, has it at once."""
    api = ApiDouble()
    responses = [asyncio.run(claims(api, name).acquire()) for name in ("a/operator", "b/operator", "a/operator")]
    assert ["", "a/operator", ""] == responses


def test_uninstalled_installation_makes_way() -> None:
    """`spanloom cleanup` deletes the Lease: no installation has to wait for its end."""
    api = ApiDouble()
    asyncio.run(claims(api, "a/operator").acquire())
    asyncio.run(claims(api, "b/operator").release())
    assert "a/operator" == asyncio.run(claims(api, "b/operator").acquire())
    asyncio.run(claims(api, "a/operator").release())
    assert "" == asyncio.run(claims(api, "b/operator").acquire())


def test_lease_that_is_not_renewed_expires() -> None:
    """By the clock of who waits, from when the renewal was first seen; who lost it must stop."""
    api, clock = ApiDouble(), Clock()
    first, second = claims(api, "a/operator"), claims(api, "b/operator", clock=clock)
    asyncio.run(first.acquire())
    assert "a/operator" == asyncio.run(second.acquire())
    clock.seconds = LEASE_DURATION_SECONDS + 1
    assert "" == asyncio.run(second.acquire())
    with pytest.raises(LeaseLost, match="installation b/operator looks after the cluster now"):
        asyncio.run(first.refresh())


def test_namespaces_come_before_the_cluster() -> None:
    """The cluster's installation leaves a namespace, and the profiles of its holder's home, to the other."""
    api = ApiDouble()
    whole, some = claims(api, "a/operator"), claims(api, "b/operator", "team")
    asyncio.run(whole.acquire())
    assert set() == asyncio.run(whole.refresh())
    assert set() == asyncio.run(some.refresh())
    assert {"team"} == asyncio.run(whole.refresh())
    assert ("b/operator", "", "") == (whole.holder("team"), whole.holder("demo"), some.holder("team"))
    assert [False, False, True] == [whole.has_profiles(name) for name in ("team", "b", "demo")]


def test_two_installations_of_one_namespace() -> None:
    """The second leaves the namespace to the first, and takes it when it is released."""
    api = ApiDouble()
    first, second = claims(api, "a/operator", "team"), claims(api, "b/operator", "team", "other")
    for each in (first, second):
        asyncio.run(each.refresh())
    assert ("a/operator", "") == (second.holder("team"), second.holder("other"))
    asyncio.run(first.release())
    assert {"team"} == asyncio.run(second.refresh())
    assert "" == second.holder("team")
