"""Cleanup after an uninstallation, and of what earlier versions left."""

from __future__ import annotations

import asyncio

from support.builders.deployments import MANAGER, deployment, env
from support.servers.api_double import USER
from support.servers.simulation import (
    deployment_path,
    set_value,
    started,
)

from spanloom_operator.controller.cleanup import withdraw_everything
from spanloom_operator.kinds import DEPLOYMENT
from spanloom_operator.names import INJECT_LABEL

ON = {INJECT_LABEL: "true"}
SHOP = deployment_path()


def test_cleanup_removes_everything() -> None:
    """After `spanloom cleanup` nothing of the operator is left, with or without labels."""
    sim = started(deployment(labels=ON), deployment(name="other"))
    assert [DEPLOYMENT.key_of(deployment())] == asyncio.run(
        withdraw_everything(sim.double, installation="home/operator")
    )
    assert ([], None) == (sim.env(), sim.state())
    assert not [path for path in sim.double.objects if "/leases/" in path]


def test_cleanup_of_one_installation_leaves_the_others() -> None:
    """Fields, records and Leases of another installation stay."""
    sim = started()
    assert [] == asyncio.run(withdraw_everything(sim.double, installation="home/another"))
    assert (True, "Injected") == (bool(sim.env()), sim.state())


def test_cleanup_leaves_what_others_have_changed() -> None:
    """An entry whose value a user has changed is theirs, also for the cleanup."""
    sim = started()
    set_value(sim, "OTEL_SERVICE_NAME", "mine")
    asyncio.run(withdraw_everything(sim.double))
    assert env(OTEL_SERVICE_NAME="mine") == sim.env()


def test_deployment_of_an_earlier_version() -> None:
    """On upgrade the old annotation goes, and what the old field manager owned belongs to the installation."""
    sim = started()
    for held in sim.double.shares[SHOP].values():
        if (MANAGER, "Apply") in held:
            held ^= {(MANAGER, "Apply"), ("spanloom", "Apply")}
    sim.double.change(SHOP, lambda its: its["metadata"]["annotations"].update({"spanloom.dev/status": "{}"}))
    sim.run(sim.stop, sim.settle)
    assert {} == sim.double.objects[SHOP]["metadata"]["annotations"]
    assert {(MANAGER, "Apply"), USER} == {manager for held in sim.double.shares[SHOP].values() for manager in held}
    sim.run(sim.label, sim.settle)
    assert [] == sim.env()
