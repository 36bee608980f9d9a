"""The whole operator against an API server in memory: labels, profiles, restarts, and no needless writes."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from support.builders.deployments import (
    EXPORTER,
    MANAGER,
    Object,
    container,
    deployment,
    env,
    profile,
    rolled_out,
    rolling_out,
)
from support.servers.api_double import ApiDouble
from support.servers.simulation import (
    DEMO,
    SETTINGS,
    Simulation,
    deployment_path,
    injection_path,
    namespace,
    profile_path,
)

from spanloom_operator.controller.cleanup import withdraw_everything
from spanloom_operator.controller.reconciler import RECHECK_SECONDS
from spanloom_operator.kube.api import ApiError
from spanloom_operator.names import INJECT_LABEL

if TYPE_CHECKING:
    from collections.abc import Callable

ON = {INJECT_LABEL: "true"}
SHOP = deployment_path()


def started(*deployments: Object) -> Simulation:
    """Return a simulation in which the operator has looked at these Deployments; one with the label by default."""
    sim = Simulation()
    sim.add(*deployments)
    sim.run(lambda: sim.wait(RECHECK_SECONDS))
    return sim


def reasons(sim: Simulation) -> list[str]:
    queue = sim.running().events.queue
    return [queue.get_nowait()[1]["reason"] for _ in range(queue.qsize())]


def set_value(sim: Simulation, name: str, value: str) -> None:
    """Change or add an entry, as `kubectl set env` does."""

    def edit(its: Object) -> None:
        entries = its["spec"]["template"]["spec"]["containers"][0].setdefault("env", [])
        found = [entry for entry in entries if entry["name"] == name]
        for entry in found:
            entry["value"] = value
        entries += [] if found else [{"name": name, "value": value}]

    sim.double.change(SHOP, edit)


def test_restart_writes_nothing() -> None:
    """With nothing changed, a new process reads and is content."""
    sim = started()
    before = deepcopy(sim.double.objects)
    sim.run(sim.stop, sim.settle, sim.settle)
    assert (1, "Injected") == (sim.double.writes, sim.state())
    without_leases = [{p: o for p, o in each.items() if "/leases/" not in p} for each in (before, sim.double.objects)]
    assert without_leases[0] == without_leases[1]


def test_injection_tells_what_is_injected() -> None:
    """The OtelInjection is the Deployment's own, and names variables, profile, installation and conditions."""
    sim = started()
    found, status = sim.double.objects[injection_path()], sim.status()
    assert ["uid-demo-shop"] == [owner["uid"] for owner in found["metadata"]["ownerReferences"]]
    assert ("home/default", "home/operator") == (status["profile"], status["installation"])
    assert [entry["name"] for entry in sim.env()] == status["containers"][0]["variables"]
    assert ["True", "True"] == [condition["status"] for condition in status["conditions"]]


def test_nothing_is_left_in_the_deployments_metadata() -> None:
    """Neither labels nor annotations of a Deployment are the operator's."""
    sim = started()
    metadata = sim.double.objects[SHOP]["metadata"]
    assert (ON, {}) == (metadata["labels"], metadata["annotations"])


def test_label_removed() -> None:
    """The template is the user's again at once, and nothing is remembered."""
    sim = started()
    sim.run(sim.label, sim.settle)
    assert ([], None) == (sim.env(), sim.state())
    assert ({}, {}) == (sim.running().cache.deployments, sim.later)


def test_own_write_is_known_before_the_watch_brings_it() -> None:
    """A second look right after a write, with the watch behind, does not write again; nor does an old event."""
    sim = Simulation()
    sim.add()
    old = sim.double.shown(SHOP)

    async def look_twice() -> None:
        await sim._start()
        controller = sim.running()
        await controller.reconciler.reconcile(("demo", "shop"))
        controller.cache.deployment_changed("MODIFIED", old)
        await controller.reconciler.reconcile(("demo", "shop"))

    sim.run(look_twice)
    assert 1 == sim.double.writes


def test_label_removed_while_the_operator_was_down() -> None:
    """The list of metadata at the start finds what no label requests any more."""
    sim = started()
    sim.run(sim.stop, sim.label, sim.settle)
    assert ([], None) == (sim.env(), sim.state())


def test_record_without_an_injection_is_removed_too() -> None:
    """An OtelInjection that only says why nothing is injected goes with the label, also while the operator is down."""
    sim = started(deployment(labels={INJECT_LABEL: "missing"}))
    assert "Skipped" == sim.state()
    sim.run(sim.stop, sim.label, sim.settle)
    assert sim.state() is None


def test_namespace_label_is_the_default() -> None:
    """A namespace's label includes its Deployments, and releases them again."""
    sim = started(deployment())
    sim.run(lambda: sim.double.put(DEMO, namespace("true")), sim.settle)
    assert "Injected" == sim.state()
    sim.run(sim.stop, sim.settle, lambda: sim.double.put(DEMO, namespace()), sim.settle)
    assert ([], None) == (sim.env(), sim.state())


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


def change_profile(sim: Simulation) -> None:
    sim.double.put(profile_path("home"), profile(namespace="home", exporter=EXPORTER, propagators=["none"]))


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
    """Where somebody's admission removes the change no rollout begins, and the others have their turn."""
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


def test_profile_removed() -> None:
    """Without a profile the template is the user's again, and the reason is recorded."""
    sim = started()
    sim.run(lambda: sim.double.delete_object(profile_path("home")), sim.settle)
    assert ([], "Skipped") == (sim.env(), sim.state())


def test_profile_counts() -> None:
    """A profile's status says whether it is valid and how its Deployments are, and is written once."""
    sim = started(deployment(labels=ON), deployment(name="other", labels={INJECT_LABEL: "missing"}))
    sim.run(sim.settle)
    status = sim.double.objects[profile_path("home")]["status"]
    assert (True, 2, 1) == (status["valid"], status["deployments"], status["injected"])


def test_cleanup_removes_everything() -> None:
    """After `spanloom cleanup` nothing of the operator is left, with or without labels."""
    sim = started(deployment(labels=ON), deployment(name="other"))
    assert [("demo", "shop")] == asyncio.run(withdraw_everything(sim.double, installation="home/operator"))
    assert ([], None) == (sim.env(), sim.state())
    assert not [path for path in sim.double.objects if "/leases/" in path]


def test_cleanup_of_one_installation_leaves_the_others() -> None:
    """Fields, records and Leases of another installation stay."""
    sim = started()
    assert [] == asyncio.run(withdraw_everything(sim.double, installation="home/another"))
    assert (True, "Injected") == (bool(sim.env()), sim.state())


def test_cleanup_leaves_what_others_have_changed() -> None:
    """An entry whose value somebody has changed is theirs, also for the cleanup."""
    sim = started()
    set_value(sim, "OTEL_SERVICE_NAME", "mine")
    asyncio.run(withdraw_everything(sim.double))
    assert env(OTEL_SERVICE_NAME="mine") == sim.env()


def test_refused_write_is_reported_and_left_alone() -> None:
    """What a policy refuses is reported in an Event and not tried again until the next look at everything."""
    sim = Simulation()
    sim.add()

    async def refuse(*_: Any, **__: Any) -> Object:
        raise ApiError(422, "denied by policy")

    sim.double.apply = refuse  # type: ignore[method-assign]
    sim.run(sim.settle)
    assert {("demo", "shop"): 1000 + SETTINGS.resync} == sim.later
    event = sim.running().events.queue.get_nowait()[1]
    assert ("Refused", "denied by policy") == (event["reason"], event["message"])


def remove_label(sim: Simulation) -> None:
    sim.label()


def remove_namespace_label(sim: Simulation) -> None:
    sim.double.put(DEMO, namespace())


def remove_profile(sim: Simulation) -> None:
    sim.double.delete_object(profile_path("home"))


@pytest.mark.parametrize("calls_before", range(2))
@pytest.mark.parametrize("remove", [remove_label, remove_namespace_label, remove_profile])
def test_entry_set_while_the_injection_is_withdrawn(remove: Callable[[Simulation], None], calls_before: int) -> None:
    """A user's value survives whenever it is set, and whatever the watches have brought by then."""
    sim = Simulation()
    sim.add(deployment(labels={} if remove is remove_namespace_label else ON))
    if remove is remove_namespace_label:
        sim.double.put(DEMO, namespace("true"))
    sim.run(lambda: sim.wait(RECHECK_SECONDS))
    calls = iter(range(100))

    def edit() -> None:
        if next(calls) == calls_before:
            set_value(sim, "OTEL_SERVICE_NAME", "mine")

    def remove_and_edit() -> None:
        remove(sim)
        sim.double.before_call = edit

    sim.run(remove_and_edit, sim.settle)
    assert env(OTEL_SERVICE_NAME="mine") == sim.env()


def test_copy_gets_an_identity_of_its_own() -> None:
    """`kubectl get -o yaml`, renamed, `kubectl create`: own service name; and clean when its label is removed."""
    sim = started()
    copy = deepcopy(sim.double.objects[SHOP])
    copy["metadata"] |= {"name": "copy", "uid": "copy"}
    sim.run(lambda: sim.add(copy), sim.settle)
    assert {"name": "OTEL_SERVICE_NAME", "value": "copy"} in sim.env("copy")
    assert {"name": "OTEL_SERVICE_NAME", "value": "shop"} in sim.env("shop")
    sim.run(lambda: sim.label("copy"), sim.settle)
    assert [] == sim.env("copy")


def test_undo_gives_the_template_the_user_means() -> None:
    """`rollout undo` to a revision with another profile's variables: they are recognized, and brought up to date."""
    sim = started()
    revision = deepcopy(sim.double.objects[SHOP]["spec"]["template"])

    def deploy() -> None:
        sim.double.change(SHOP, lambda its: its["spec"]["template"]["spec"]["containers"][0].update(image="shop:bad"))

    def undo() -> None:
        sim.double.change(SHOP, lambda its: its["spec"].update(template=revision), ("kubectl-rollout", "Update"))

    sim.run(lambda: change_profile(sim), sim.settle, deploy, sim.settle, undo, sim.settle)
    pod = sim.double.objects[SHOP]["spec"]["template"]["spec"]["containers"][0]
    assert "shop:1.2" == pod["image"]
    assert {"name": "OTEL_PROPAGATORS", "value": "none"} in pod["env"]
    sim.run(sim.label, sim.settle)
    assert [] == sim.env()


def test_one_deploy_is_one_revision() -> None:
    """Another image changes nothing that is injected: the operator writes nothing."""
    sim = started()
    writes = sim.double.writes
    sim.double.change(SHOP, lambda its: its["spec"]["template"]["spec"]["containers"][0].update(image="shop:2"))
    sim.run(sim.settle)
    assert writes == sim.double.writes


def test_chart_that_is_applied_server_side_gets_no_conflict() -> None:
    """Helm 4 sets an injected variable on its own, without a conflict, and keeps it when the label is removed."""
    helm = ("helm", "Apply")
    sim = Simulation()
    its = deployment(container(env=env(A="1")), labels=ON)
    sim.double.put(SHOP, its, helm)
    sim.run(sim.settle)
    chart = {"kind": "Deployment", "metadata": {}, "spec": {"template": {"spec": {"containers": []}}}}
    chart["spec"]["template"]["spec"]["containers"] = [container(env=env(A="1", OTEL_SERVICE_NAME="mine"))]
    sim.double.apply_as(SHOP, chart, helm)
    sim.run(sim.settle)
    assert ("Injected", "OTEL_SERVICE_NAME") == (sim.state(), sim.status()["skipped"][0]["name"])
    sim.run(sim.label, sim.settle)
    assert env(A="1", OTEL_SERVICE_NAME="mine") == sim.env()


def test_deployment_of_an_earlier_version() -> None:
    """On upgrade the old annotation goes, and what the old field manager owned belongs to the installation."""
    sim = started()
    for held in sim.double.shares[SHOP].values():
        held[("spanloom", "Apply")] = held.pop((MANAGER, "Apply"))
    sim.double.change(SHOP, lambda its: its["metadata"]["annotations"].update({"spanloom.dev/status": "{}"}))
    sim.run(sim.stop, sim.settle)
    assert {} == sim.double.objects[SHOP]["metadata"]["annotations"]
    assert {(MANAGER, "Apply")} == {manager for held in sim.double.shares[SHOP].values() for manager in held}
    sim.run(sim.label, sim.settle)
    assert [] == sim.env()
