"""The API server in memory against the real one: the same steps leave the same entries, owners and refusals."""

from __future__ import annotations

import asyncio
import json
from copy import deepcopy
from typing import TYPE_CHECKING

import pytest
from support.builders.deployments import container, deployment, env
from support.builders.strategies import PLATFORM
from support.polling import poll_until
from support.servers.api_double import ApiDouble

from spanloom_operator import paths
from spanloom_operator.api import ApiError, Client
from spanloom_operator.apply import NOTHING, Status, body, patch
from spanloom_operator.inject import inject
from spanloom_operator.ownership import applied_env, handover, owned_env

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.cluster.kube import Kube, Object

    from spanloom_operator.api import Api

    Mend = Callable[[Object], None]

STATUS = Status("Injected")


class Real:
    """The same people's moves on the cluster: read, change, replace."""

    def __init__(self, kube: Kube) -> None:
        self.kube, self.path = kube, paths.deployments(kube.namespace, "shop")

    def put(self, its: Object) -> None:
        its["metadata"] = {key: its["metadata"][key] for key in ("name", "namespace")}
        its["spec"]["selector"] = {"matchLabels": its["spec"]["template"]["metadata"]["labels"]}
        its.pop("status")
        self.kube("create", "-f", "-", stdin=json.dumps(its))

    def settled(self) -> None:
        """Wait until nobody else writes: the controller has told that it leaves a paused Deployment alone."""
        poll_until(lambda: is_told(self.kube.get("deployment/shop")), "the controller has looked at the Deployment")

    def change(self, mend: Mend) -> None:
        its = self.kube.get("deployment/shop")
        mend(its)
        self.kube("replace", "--field-manager=kubectl-edit", "-f", "-", stdin=json.dumps(its))


class InMemory:
    """The moves on the double."""

    def __init__(self, double: ApiDouble, path: str) -> None:
        self.double, self.path = double, path

    def put(self, its: Object) -> None:
        self.double.put(self.path, its)

    def settled(self) -> None:
        """Nobody else is here."""

    def change(self, mend: Mend) -> None:
        self.double.change(self.path, mend)


def is_told(its: Object) -> bool:
    status = its.get("status", {})
    reasons = {condition.get("reason") for condition in status.get("conditions", ())}
    return status.get("observedGeneration") == its["metadata"]["generation"] and "DeploymentPaused" in reasons


def entries(its: Object) -> list[Object]:
    found: list[Object] = its["spec"]["template"]["spec"]["containers"][0].setdefault("env", [])
    return found


def edit(its: Object) -> None:
    next(entry for entry in entries(its) if entry["name"] == "OTEL_PROPAGATORS")["value"] = "b3"


def remove(its: Object) -> None:
    entries(its)[:] = [entry for entry in entries(its) if entry["name"] != "OTEL_PROPAGATORS"]


def add(its: Object) -> None:
    entries(its).extend(env(OTEL_NEW="1"))


def wipe(its: Object) -> None:
    entries(its)[:] = env(A="1")


async def story(api: Api, people: Real | InMemory, mend: Mend, *, hands_over: bool) -> list[object]:
    """Inject, let somebody change something, let go of what is gone, and return what was left after each step."""
    its = deployment(container(env=env(A="1")), namespace=people.path.split("/")[5], replicas=0, paused=True)
    people.put(deepcopy(its))
    told: list[object] = []

    async def look() -> Object:
        people.settled()
        found = await api.get(people.path)
        assert found is not None
        told.append([sorted(entry["name"] for entry in entries(found)), applied_env(found), owned_env(found)])
        return found

    found = await look()
    await api.apply(people.path, patch(found, inject(found, [PLATFORM]), STATUS) or {})
    stale = await look()
    people.change(mend)
    found = await look()
    told.append(handover(found) is not None)
    if hands_over and (fields := handover(found)):
        found = await api.hand_over(people.path, fields, found["metadata"]["resourceVersion"])
    try:
        await api.apply(people.path, body(stale, inject(stale, [PLATFORM]), STATUS))
    except ApiError as error:
        told.append(error.code)
    await api.apply(people.path, body(found, NOTHING, None))
    await look()
    return told


@pytest.mark.parametrize("hands_over", [True, False])
@pytest.mark.parametrize("mend", [edit, remove, add, wipe])
def test_same_story(kube: Kube, mend: Mend, hands_over: bool) -> None:
    """What the state machine of the unit tests builds upon is what a real API server does."""

    async def real() -> list[object]:
        async with Client() as api:
            return await story(api, Real(kube), mend, hands_over=hands_over)

    double = ApiDouble()
    in_memory = InMemory(double, paths.deployments(kube.namespace, "shop"))
    assert asyncio.run(real()) == asyncio.run(story(double, in_memory, mend, hands_over=hands_over))
