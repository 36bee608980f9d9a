"""The whole operator against an API server in memory: labels, profiles, restarts, and no needless writes."""

from __future__ import annotations

from copy import deepcopy

from support.builders.deployments import deployment
from support.servers.simulation import (
    DEMO,
    Simulation,
    deployment_path,
    injection_path,
    namespace,
    profile_path,
    started,
)

from spanloom_operator.kinds import DEPLOYMENT
from spanloom_operator.names import INJECT_LABEL

ON = {INJECT_LABEL: "true"}
SHOP = deployment_path()
SHOP_KEY = DEPLOYMENT.key_of(deployment())


def test_restart_writes_nothing() -> None:
    """With nothing changed, a new process reads and is content."""
    sim = started()
    before = deepcopy(sim.double.objects)
    sim.run(sim.stop, sim.settle, sim.settle)
    assert (1, "Injected") == (sim.double.writes, sim.state())
    without_leases = [{p: o for p, o in each.items() if "/leases/" not in p} for each in (before, sim.double.objects)]
    assert without_leases[0] == without_leases[1]


def test_injection_reports_what_is_injected() -> None:
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
    assert ({}, {}) == (sim.running().cache.workloads, sim.later)


def test_own_write_is_known_before_the_watch_brings_it() -> None:
    """A second look right after a write, with the watch behind, does not write again; nor does an old event."""
    sim = Simulation()
    sim.add()
    old = sim.double.shown(SHOP)

    async def look_twice() -> None:
        await sim._start()
        controller = sim.running()
        await controller.reconciler.reconcile(SHOP_KEY)
        controller.cache.workload_changed(DEPLOYMENT, "MODIFIED", old)
        await controller.reconciler.reconcile(SHOP_KEY)

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
    assert (True, 2, 1) == (status["valid"], status["workloads"], status["injected"])
