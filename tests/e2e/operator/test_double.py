"""The API server in memory against the real one: the same steps leave the same entries, owners and refusals."""

from __future__ import annotations

import asyncio
import json
from copy import deepcopy
from typing import TYPE_CHECKING

import pytest
from support.builders.deployments import MANAGER, container, deployment, env, workload_of
from support.builders.strategies import PLATFORM
from support.polling import poll_until
from support.servers.api_double import ApiDouble

from spanloom_operator.injection.apply import body, managed_fields_patch
from spanloom_operator.injection.environment import NOTHING, Injection, inject
from spanloom_operator.injection.managed_fields import changed_owners, without_values
from spanloom_operator.kinds import DEPLOYMENT
from spanloom_operator.kube import paths
from spanloom_operator.kube.api import ApiError
from spanloom_operator.kube.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.cluster.kube import Kube, Object

    from spanloom_operator.injection.workload import Workload
    from spanloom_operator.kube.api import Api

    Edit = Callable[[Object], None]


class Real:
    """Users's changes on the cluster: read, change, replace; apply server-side."""

    def __init__(self, kube: Kube) -> None:
        self.kube, self.path = kube, paths.workloads(DEPLOYMENT, kube.namespace, "shop")

    def put(self, its: Object) -> None:
        its["metadata"] = {key: its["metadata"][key] for key in ("name", "namespace")}
        its["spec"]["selector"] = {"matchLabels": its["spec"]["template"]["metadata"]["labels"]}
        its.pop("status")
        self.kube("create", "-f", "-", stdin=json.dumps(its))

    def settled(self) -> None:
        """Wait until no user else writes: the controller's condition says that it leaves a paused Deployment alone."""
        poll_until(lambda: is_settled(self.kube.get("deployment/shop")), "the controller has seen the Deployment")

    def change(self, edit: Edit) -> None:
        its = self.kube.get("deployment/shop")
        edit(its)
        self.kube("replace", "--field-manager=kubectl-edit", "-f", "-", stdin=json.dumps(its))

    def apply(self, its: Object) -> bool:
        """Return whether a server-side apply without force succeeds."""
        try:
            self.kube("apply", "--server-side", "--field-manager=helm", "-f", "-", stdin=json.dumps(its))
        except AssertionError as error:
            return is_conflict(str(error))
        return True


class InMemory:
    """The changes on the double."""

    def __init__(self, double: ApiDouble, path: str) -> None:
        self.double, self.path = double, path

    def put(self, its: Object) -> None:
        self.double.put(self.path, its)

    def settled(self) -> None:
        """No other client is here."""

    def change(self, edit: Edit) -> None:
        self.double.change(self.path, edit)

    def apply(self, its: Object) -> bool:
        try:
            self.double.apply_as(self.path, its, ("helm", "Apply"))
        except ApiError as error:
            return is_conflict(str(error))
        return True


def is_conflict(message: str) -> bool:
    """Return False for a conflict with another field manager; AssertionError for any other refusal."""
    assert "conflict with" in message
    return False


def is_settled(its: Object) -> bool:
    status = its.get("status", {})
    reasons = {condition.get("reason") for condition in status.get("conditions", ())}
    return status.get("observedGeneration") == its["metadata"]["generation"] and "DeploymentPaused" in reasons


def entries(its: Object) -> list[Object]:
    found: list[Object] = its["spec"]["template"]["spec"]["containers"][0].setdefault("env", [])
    return found


def edit_value(its: Object) -> None:
    next(entry for entry in entries(its) if entry["name"] == "OTEL_PROPAGATORS")["value"] = "b3"


def remove(its: Object) -> None:
    entries(its)[:] = [entry for entry in entries(its) if entry["name"] != "OTEL_PROPAGATORS"]


def add(its: Object) -> None:
    entries(its).extend(env(OTEL_NEW="1"))


def replace_all(its: Object) -> None:
    entries(its)[:] = env(A="1")


class Story:
    """What the operator does to a Deployment on either API server, and what is left after each step."""

    def __init__(self, api: Api, users: Real | InMemory) -> None:
        self.api, self.users = api, users
        self.left: list[object] = []

    async def look(self) -> Workload:
        self.users.settled()
        found = await self.api.get(self.users.path)
        assert found is not None
        workload = workload_of(found)
        owned = sorted(workload.handover.owned)
        names = sorted(entry["name"] for entry in entries(found))
        self.left.append(
            [names, sorted(workload.applied), owned, sorted(workload.handover.taken), workload.ownership.holds_values]
        )
        return workload

    async def apply(self, workload: Workload, injection: Injection) -> None:
        try:
            await self.api.apply(self.users.path, body(workload, injection), MANAGER)
        except ApiError as error:
            self.left.append([error.code, error.is_stale])

    async def change_owners(self, workload: Workload, fields: list[Object]) -> Workload:
        await self.api.merge(self.users.path, managed_fields_patch(workload, fields))
        return await self.look()


def shop(namespace: str, **fields: object) -> Object:
    return deployment(container(env=env(A="1")), namespace=namespace, replicas=0, paused=True, **fields)


async def taken_over(api: Api, users: Real | InMemory, edit: Edit) -> list[object]:
    """Inject, let a user change something, hand over what is taken, and withdraw."""
    users.put(deepcopy(shop(users.path.split("/")[5])))
    story = Story(api, users)
    found = await story.look()
    await story.apply(found, inject(found, [PLATFORM]))
    stale = await story.look()
    users.change(edit)
    found = await story.look()
    await story.apply(stale, NOTHING)
    if found.handover.taken:
        found = await story.change_owners(found, changed_owners(found))
    await story.apply(found, NOTHING)
    await story.look()
    return story.left


async def applied_by_a_chart(api: Api, users: Real | InMemory) -> list[object]:
    """Inject, and set the same variable by a chart that is applied server-side: before and after its value is free."""
    its = shop(users.path.split("/")[5])
    users.put(deepcopy(its))
    story = Story(api, users)
    found = await story.look()
    await story.apply(found, inject(found, [PLATFORM]))
    found = await story.look()
    chart = {key: its[key] for key in ("apiVersion", "kind")} | {"metadata": {"name": "shop"}}
    pod = {"containers": [{"name": "app", "env": env(OTEL_SERVICE_NAME="mine")}]}
    chart["spec"] = {"template": {"spec": pod}}
    story.left.append(users.apply(deepcopy(chart)))
    found = await story.look()
    found = await story.change_owners(found, without_values(found))
    story.left.append(users.apply(deepcopy(chart)))
    found = await story.look()
    await story.apply(found, inject(found, [PLATFORM]))
    found = await story.look()
    await story.apply(found, NOTHING)
    await story.look()
    return story.left


async def copied(api: Api, users: Real | InMemory) -> list[object]:
    """Create a copy of an injected template, take its entries over, and withdraw them."""
    plain = workload_of(shop("demo"))
    its = shop(users.path.split("/")[5])
    entries(its).extend(inject(plain, [PLATFORM]).env("app"))
    users.put(deepcopy(its))
    story = Story(api, users)
    found = await story.look()
    found = await story.change_owners(found, changed_owners(found))
    await story.apply(found, inject(found, [PLATFORM]))
    found = await story.look()
    await story.apply(found, NOTHING)
    await story.look()
    return story.left


def both(kube: Kube, story: Callable[[Api, Real | InMemory], object]) -> tuple[object, object]:
    """Return what a story leaves on the real API server, and on the double."""

    async def real() -> object:
        async with Client() as api:
            return await story(api, Real(kube))  # type: ignore[misc]

    async def in_memory() -> object:
        double = ApiDouble()
        return await story(double, InMemory(double, paths.workloads(DEPLOYMENT, kube.namespace, "shop")))  # type: ignore[misc]

    return asyncio.run(real()), asyncio.run(in_memory())


@pytest.mark.parametrize("edit", [edit_value, remove, add, replace_all])
def test_entries_that_users_change(kube: Kube, edit: Edit) -> None:
    """What the state machine of the unit tests builds upon is what a real API server does."""
    expected, actual = both(kube, lambda api, users: taken_over(api, users, edit))
    assert expected == actual


def test_entries_that_a_chart_applies(kube: Kube) -> None:
    """The value of an entry that belongs to no user is set without a conflict, on either."""
    expected, actual = both(kube, applied_by_a_chart)
    assert expected == actual
    assert [False, True] == [each for each in actual if isinstance(each, bool)]  # type: ignore[attr-defined]


def test_entries_in_a_copy(kube: Kube) -> None:
    """A copy's entries change hands on either, and nothing of them is left."""
    expected, actual = both(kube, copied)
    assert expected == actual
