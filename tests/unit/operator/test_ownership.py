"""Ownership by server-side apply: one body, or none; and what is withdrawn leaves nothing behind."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from support.builders.deployments import MANAGER, Object, container, deployment, env, workload_of
from support.builders.strategies import DELIVERIES, LAYERS, PLATFORM, TEMPLATES
from support.servers.api_double import ApiDouble

from spanloom_operator.injection.agent import INIT_CONTAINER
from spanloom_operator.injection.apply import body, changes_template, managed_fields_patch
from spanloom_operator.injection.environment import NOTHING, Injection, inject
from spanloom_operator.injection.managed_fields import changed_owners, without_values
from spanloom_operator.injection.pieces import ENV, Piece
from spanloom_operator.kube.api import ApiError

if TYPE_CHECKING:
    from spanloom_operator.injection.workload import Workload
    from spanloom_operator.profiles.reader import Layer

PATH = "/apis/apps/v1/namespaces/demo/deployments/shop"
HELM = ("helm", "Apply")


class Stored:
    """A Deployment on an API server in memory, and the operator's writes to it."""

    def __init__(self, its: Object) -> None:
        self.double = ApiDouble()
        self.double.has_image_volumes = True
        self.double.put(PATH, its)

    @property
    def workload(self) -> Workload:
        return workload_of(self.double.shown(PATH))

    def apply(self, injection: Injection) -> None:
        asyncio.run(self.double.apply(PATH, body(self.workload, injection), MANAGER))

    def inject(self, layers: list[Layer] | None = None, delivery: str = INIT_CONTAINER) -> Injection:
        injection = inject(self.workload, [PLATFORM] if layers is None else layers, delivery=delivery)
        self.apply(injection)
        return injection

    def withdraw(self) -> None:
        self.apply(NOTHING)

    def change_owners(self) -> None:
        patch = managed_fields_patch(self.workload, changed_owners(self.workload))
        asyncio.run(self.double.merge(PATH, patch))

    def set_value(self, name: str, value: str) -> None:
        self.double.change(PATH, lambda its: next(e for e in entries(its) if e["name"] == name).update(value=value))

    @property
    def env(self) -> list[Object]:
        return entries(self.double.objects[PATH])


def entries(its: Object) -> list[Object]:
    found: list[Object] = its["spec"]["template"]["spec"]["containers"][0].get("env", [])
    return found


def users_template(its: Object) -> Object:
    """Return the spec of the pods, without empty env lists."""
    pod = deepcopy(its["spec"]["template"]["spec"])
    containers = [*pod["containers"], *pod.get("initContainers", ())]
    for each in (each for each in containers if not each.get("env", True)):
        del each["env"]
    return pod


@given(TEMPLATES, LAYERS, DELIVERIES)
def test_withdrawal_is_the_inverse_of_injection(original: Object, layers: list[Layer], delivery: str) -> None:
    """Whatever the template, it is the user's again, to the last key."""
    stored = Stored(deepcopy(original))
    stored.inject(layers, delivery)
    stored.withdraw()
    assert users_template(original) == users_template(stored.double.objects[PATH])


@given(TEMPLATES, LAYERS, DELIVERIES)
def test_injecting_twice_is_injecting_once(original: Object, layers: list[Layer], delivery: str) -> None:
    """What is there already is computed again from the user's part alone, and no second write follows."""
    stored = Stored(original)
    first = stored.inject(layers, delivery)
    again = inject(stored.workload, layers, delivery=delivery)
    assert first == again
    assert not changes_template(stored.workload, again)


@given(TEMPLATES, LAYERS, DELIVERIES)
def test_users_template_is_the_same_with_an_injection(original: Object, layers: list[Layer], delivery: str) -> None:
    """The template without the operator is the same before and after."""
    stored = Stored(original)
    before = stored.workload.user_template_fingerprint
    stored.inject(layers, delivery)
    assert before == stored.workload.user_template_fingerprint


@given(TEMPLATES, LAYERS, DELIVERIES)
def test_every_piece_of_a_copy_is_recognized(original: Object, layers: list[Layer], delivery: str) -> None:
    """A copy of an injected template has the same pieces to take over, and without them it is the original."""
    stored = Stored(deepcopy(original))
    stored.inject(layers, delivery)
    copy = Stored(copied(stored.double.objects[PATH], "shop"))
    assert stored.workload.handover.owned == copy.workload.handover.reclaimed
    copy.change_owners()
    copy.withdraw()
    assert users_template(original) == users_template(copy.double.objects[PATH])


def test_changed_value_is_the_users() -> None:
    """An entry whose value the user has changed is handed over: no injection writes it, no withdrawal removes it."""
    stored = Stored(deployment(container(env=env(A="1"))))
    stored.inject()
    stored.set_value("OTEL_PROPAGATORS", "b3")
    stored.change_owners()
    assert not stored.workload.handover.taken
    assert "OTEL_PROPAGATORS" in {skipped.name for skipped in inject(stored.workload, [PLATFORM]).skipped}
    stored.withdraw()
    assert env(A="1", OTEL_PROPAGATORS="b3") == stored.env


def test_handover_of_the_only_entry_leaves_no_empty_field() -> None:
    """`f:env: {}` would mean that the operator owns the list: only the container that had the entry is left."""
    stored = Stored(deployment())
    workload = stored.workload
    applied = body(workload, NOTHING)
    applied["spec"] = {"template": {"spec": {"containers": [{"name": "app", "env": env(OTEL_A="1")}]}}}
    asyncio.run(stored.double.apply(PATH, applied, MANAGER))
    stored.set_value("OTEL_A", "2")
    fields = changed_owners(stored.workload)
    own = next(entry["fieldsV1"] for entry in fields if entry["manager"] == MANAGER)
    assert {'k:{"name":"app"}': {".": {}, "f:name": {}}} == own["f:spec"]["f:template"]["f:spec"]["f:containers"]


def test_shared_entry_stays_after_withdrawal() -> None:
    """An entry that another field manager applied with the same value is theirs as well, and stays."""
    stored = Stored(deployment())
    stored.inject()
    stored.double.apply_as(PATH, applied_by_chart("shop"), HELM)
    assert ("helm", MANAGER) == stored.workload.ownership.managers(Piece(ENV, "app", "OTEL_SERVICE_NAME"))
    assert "container env has it" in {skipped.reason for skipped in inject(stored.workload, [PLATFORM]).skipped}
    stored.withdraw()
    assert env(OTEL_SERVICE_NAME="shop") == stored.env


def applied_by_chart(name: str) -> Object:
    pod = {"containers": [container(env=env(OTEL_SERVICE_NAME=name))]}
    return {"kind": "Deployment", "metadata": {}, "spec": {"template": {"spec": pod}}}


def test_another_appliers_value_is_no_conflict() -> None:
    """Where values have no owner, a chart that is applied server-side sets its own without a conflict."""
    stored = Stored(deployment())
    stored.inject()
    with pytest.raises(ApiError, match="conflict"):
        stored.double.apply_as(PATH, applied_by_chart("mine"), HELM)
    fields = without_values(stored.workload)
    asyncio.run(stored.double.merge(PATH, managed_fields_patch(stored.workload, fields)))
    assert not stored.workload.ownership.holds_values
    assert not changes_template(stored.workload, inject(stored.workload, [PLATFORM]))
    stored.double.apply_as(PATH, applied_by_chart("mine"), HELM)
    stored.inject()
    stored.withdraw()
    assert env(OTEL_SERVICE_NAME="mine") == stored.env


def test_write_on_a_stale_version_is_refused() -> None:
    """Nothing is forced and nothing is lost: a body decided upon before the user came fails as a whole."""
    stored = Stored(deployment())
    stale = body(stored.workload, inject(stored.workload, [PLATFORM]))
    stored.double.change(PATH, lambda its: its["metadata"].update(labels={"a": "b"}))
    with pytest.raises(ApiError) as refused:
        asyncio.run(stored.double.apply(PATH, stale, MANAGER))
    assert refused.value.is_stale
    assert [] == stored.env


def copied(source: Object, name: str, uid: str = "another") -> Object:
    """Return what `kubectl get -o yaml`, renamed, and `kubectl create` makes of a Deployment."""
    its = deepcopy(source)
    its["metadata"] |= {"name": name, "uid": uid}
    del its["metadata"]["resourceVersion"]
    return its


def test_copy_is_recognized() -> None:
    """The marker recognizes what was injected into the original; the user's own entries stay the user's."""
    original = Stored(deployment(container(env=env(A="1"))))
    original.inject()
    copy = Stored(copied(original.double.objects[PATH], "copy"))
    copy.set_value("OTEL_PROPAGATORS", "b3")
    assert env(A="1", OTEL_PROPAGATORS="b3") == [dict(e) for e in copy.workload.containers[0].user_env]
    copy.change_owners()
    assert not copy.workload.handover.reclaimed
    copy.withdraw()
    assert env(A="1", OTEL_PROPAGATORS="b3") == copy.env


def test_copy_that_a_user_applies_is_theirs() -> None:
    """What another manager applies server-side is declared somewhere, and applied again: it is left alone."""
    original = Stored(deployment())
    original.inject()
    copy = Stored(deployment())
    its = {**copied(original.double.objects[PATH], "shop"), "kind": "Deployment", "metadata": {}}
    copy.double.apply_as(PATH, its, HELM)
    assert not copy.workload.handover.reclaimed


def test_earlier_version_is_taken_over() -> None:
    """Entries of the field manager of versions up to 0.1 become the installation's, and its annotation goes."""
    its = deployment(annotations={"spanloom.dev/status": '{"state": "Injected"}'})
    stored = Stored(its)
    old = body(stored.workload, inject(stored.workload, [PLATFORM]))
    old["metadata"]["annotations"] = {"spanloom.dev/status": '{"state": "Injected"}'}
    stored.double.apply_as(PATH, old, ("spanloom", "Apply"))
    assert (True, "Injected") == (stored.workload.ownership.is_legacy, stored.workload.legacy_state)
    stored.change_owners()
    assert (False, None) == (stored.workload.ownership.is_legacy, stored.workload.legacy_state)
    stored.withdraw()
    assert [] == stored.env
