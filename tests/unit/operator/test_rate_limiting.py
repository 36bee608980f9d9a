"""Rollouts a few at a time, pauses between reapplications, and refusals."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from typing import Any

from support.builders.deployments import Object, deployment, rolled_out, rolling_out
from support.servers.api_double import ApiDouble
from support.servers.simulation import (
    SETTINGS,
    Simulation,
    change_profile,
    deployment_path,
    started,
)

from spanloom_operator.controller.reconciler import RECHECK_SECONDS
from spanloom_operator.kinds import DEPLOYMENT
from spanloom_operator.kube.api import ApiError
from spanloom_operator.names import INJECT_LABEL

ON = {INJECT_LABEL: "true"}
SHOP = deployment_path()


def test_removed_injection_is_reapplied_with_growing_pauses() -> None:
    """Who removes the injection again and again gets it back later and later, and a Warning says so."""
    original = deployment(labels=ON)
    sim = started(deepcopy(original))
    attempts = []

    async def fight() -> None:
        await sim._start()
        for _ in range(6):
            sim.double.put(SHOP, deepcopy(original))
            await sim.settle()
            attempts.append(bool(sim.env()))

    sim.run(fight)
    assert [True, True, False, False, False, False] == attempts
    sim.run(lambda: sim.wait(10))
    assert sim.env()
    assert "Conflict" in reasons(sim)


def test_changed_profile_rolls_a_few_at_a_time() -> None:
    """At most so many Deployments roll at once; the others follow as slots become free, each once."""
    names = [f"shop-{number}" for number in range(5)]
    sim = started(*(deployment(name=name, labels=ON) for name in names))
    sim.double.rolls_out = lambda found: rolling_out(found["metadata"]["generation"])
    change_profile(sim)

    def rolled() -> list[str]:
        return [name for name in names if {"name": "OTEL_PROPAGATORS", "value": "none"} in sim.env(name)]

    sim.run(sim.settle)
    assert names[:2] == rolled()
    sim.double.rolls_out = lambda found: rolled_out(found["metadata"]["generation"])
    for name in names[:2]:
        sim.double.change(deployment_path(name), lambda its: its["metadata"]["annotations"].update(touched="1"))
    sim.run(sim.settle)
    assert names == rolled()
    assert 10 == sim.double.writes


def test_rollout_counts_while_it_is_written() -> None:
    """Several workers at once do not begin more rollouts than may run: one whose response is pending counts."""
    names = [f"shop-{number}" for number in range(5)]
    sim = started(*(deployment(name=name, labels=ON) for name in names))
    sim.double.rolls_out = lambda found: rolling_out(found["metadata"]["generation"])
    writes = sim.double.writes

    async def slowly(*arguments: Any, **options: Any) -> Object:
        await asyncio.sleep(0)
        return await ApiDouble.apply(sim.double, *arguments, **options)

    async def all_workers() -> None:
        sim.double.apply = slowly  # type: ignore[method-assign]
        change_profile(sim)
        sim.bring_changes()
        controller = sim.running()
        await asyncio.gather(*(controller.queue.step(controller.reconciler.reconcile) for _ in names))

    sim.run(all_workers)
    assert writes + SETTINGS.rollouts == sim.double.writes


def test_a_write_that_changes_nothing_takes_no_slot() -> None:
    """Where another admission controller removes the change no rollout begins, and the others have their turn."""
    names = [f"shop-{number}" for number in range(5)]
    sim, tried = started(*(deployment(name=name, labels=ON) for name in names)), list[str]()
    sim.run(lambda: sim.wait(RECHECK_SECONDS))

    async def in_vain(path: str, body: Object, *_: Any, **__: Any) -> Object:
        if body["kind"] == "Deployment":
            tried.append(path.rpartition("/")[2])
            return sim.double.shown(path)
        return body

    sim.double.apply = in_vain  # type: ignore[method-assign]
    change_profile(sim)
    sim.run(sim.settle)
    assert names == tried
    sim.run(lambda: sim.wait(60))
    assert names == tried  # and is left alone until something changes


def test_refused_write_is_reported_and_left_alone() -> None:
    """What a policy refuses is reported in an Event and not tried again until the next look at everything."""
    sim = Simulation()
    sim.add()

    async def refuse(*_: Any, **__: Any) -> Object:
        raise ApiError(422, "denied by policy")

    sim.double.apply = refuse  # type: ignore[method-assign]
    sim.run(sim.settle)
    assert {DEPLOYMENT.key_of(deployment()): 1000 + SETTINGS.resync} == sim.later
    event = sim.running().events.queue.get_nowait()[1]
    assert ("Refused", "denied by policy") == (event["reason"], event["message"])


def reasons(sim: Simulation) -> list[str]:
    queue = sim.running().events.queue
    return [queue.get_nowait()[1]["reason"] for _ in range(queue.qsize())]
