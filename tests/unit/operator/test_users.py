"""Users and their tools at work while the operator is: nothing of theirs is lost, copied or blocked."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import pytest
from support.builders.deployments import container, deployment, env
from support.servers.simulation import (
    DEMO,
    Simulation,
    change_profile,
    deployment_path,
    namespace,
    profile_path,
    set_value,
    started,
)

from spanloom_operator.controller.reconciler import RECHECK_SECONDS
from spanloom_operator.names import INJECT_LABEL

if TYPE_CHECKING:
    from collections.abc import Callable

ON = {INJECT_LABEL: "true"}
SHOP = deployment_path()


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
