"""Users and their tools change workloads that have the agent: nothing of theirs is lost, and every pod is valid."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from typing import TYPE_CHECKING

import pytest
from support.builders.deployments import AGENT_IMAGE, Object, container, deployment, env
from support.servers.agent_simulation import (
    ON,
    SHOP,
    init,
    mount,
    pod,
    python_path,
    reasons,
    rest,
    set_agent,
    shop,
    started_with_agent,
    volume,
)
from support.servers.simulation import Simulation, deployment_path, set_value

from spanloom_operator.controller.cleanup import withdraw_everything

if TYPE_CHECKING:
    from collections.abc import Callable


def edit(sim: Simulation, change: Callable[[Object], object]) -> None:
    sim.double.change(SHOP, lambda its: change(its["spec"]["template"]["spec"]))


def test_label_removed() -> None:
    """The agent comes with the label and goes with it; lists of the user's own are as they were."""
    sim = started_with_agent()
    agent = {"image": AGENT_IMAGE, "delivery": "initContainer", "containers": ("app",)}
    assert agent == sim.status()["agent"]
    assert all([volume(pod(sim)), init(pod(sim)), mount(pod(sim)), python_path(pod(sim))])
    sim.run(sim.label, sim.settle)
    assert shop()["spec"] == sim.double.objects[SHOP]["spec"]


def test_agent_disabled() -> None:
    """A profile without the agent removes its pieces and leaves the variables."""
    sim = started_with_agent()
    set_agent(sim, enabled=False)
    rest(sim)
    assert [None] * 4 == [volume(pod(sim)), init(pod(sim)), mount(pod(sim)), python_path(pod(sim))]
    assert "agent" not in sim.status()
    assert "OTEL_SERVICE_NAME" in [entry["name"] for entry in sim.env()]


def test_cleanup() -> None:
    """After `spanloom cleanup` nothing of the agent is left."""
    sim = started_with_agent()
    assert [("demo", "shop", "Deployment")] == asyncio.run(
        withdraw_everything(sim.double, installation="home/operator")
    )
    assert shop()["spec"] == sim.double.objects[SHOP]["spec"]


def change_image(its: Object) -> None:
    (init(its) or {})["image"] = "mirror/agent:1"


def change_resources(its: Object) -> None:
    (init(its) or {})["resources"] = {"limits": {"memory": "1Gi"}}


def add_variable(its: Object) -> None:
    (init(its) or {})["env"] = env(A="1")


def change_size(its: Object) -> None:
    (volume(its) or {})["emptyDir"] = {"sizeLimit": "1Gi"}


def change_mount(its: Object) -> None:
    (mount(its) or {})["readOnly"] = False


def mount_in_sidecar(its: Object) -> None:
    its["containers"][1]["volumeMounts"] = [{"name": "spanloom-agent", "mountPath": "/shared"}]


def replace_volume(its: Object) -> None:
    found = volume(its) or {}
    found.pop("emptyDir")
    found["hostPath"] = {"path": "/opt/agent"}


CHANGES: dict[str, tuple[Callable[[Object], None], Callable[[Object], object], object]] = {
    "image of the init container": (change_image, lambda its: init(its)["image"], "mirror/agent:1"),
    "its resources": (change_resources, lambda its: init(its)["resources"], {"limits": {"memory": "1Gi"}}),
    "its env": (add_variable, lambda its: init(its)["env"], env(A="1")),
    "size of the volume": (change_size, lambda its: volume(its)["emptyDir"], {"sizeLimit": "1Gi"}),
    "source of the volume": (replace_volume, lambda its: volume(its)["hostPath"], {"path": "/opt/agent"}),
    "the mount": (change_mount, lambda its: mount(its)["readOnly"], False),
    "a mount of the volume elsewhere": (
        mount_in_sidecar,
        lambda its: its["containers"][1]["volumeMounts"][0]["mountPath"],
        "/shared",
    ),
}


@pytest.mark.parametrize(("change", "seen", "expected"), CHANGES.values(), ids=CHANGES)
def test_changed_piece_is_the_users(
    change: Callable[[Object], None], seen: Callable[[Object], object], expected: object
) -> None:
    """What a user changes stays, with and without the label; what is mounted stays with it, and no write is refused."""
    sim = started_with_agent()
    edit(sim, change)
    rest(sim)
    assert expected == seen(pod(sim))
    assert volume(pod(sim))
    assert None is python_path(pod(sim))
    assert reasons(sim)
    sim.run(sim.label, sim.settle)
    assert expected == seen(pod(sim))
    assert [] == sim.double.refusals


def delete_init(its: Object) -> None:
    its["initContainers"] = [each for each in its["initContainers"] if each["name"] != "spanloom-agent"]


def delete_mount(its: Object) -> None:
    its["containers"][0]["volumeMounts"].pop()


def delete_all(its: Object) -> None:
    its |= deepcopy(shop()["spec"]["template"]["spec"])


@pytest.mark.parametrize("change", [delete_init, delete_mount, delete_all])
def test_deleted_piece_comes_back(change: Callable[[Object], None]) -> None:
    """As long as the label is there, what is deleted is applied again, and everything goes with the label."""
    sim = started_with_agent()
    edit(sim, change)
    rest(sim)
    assert all([volume(pod(sim)), init(pod(sim)), mount(pod(sim)), python_path(pod(sim))])
    sim.run(sim.label, sim.settle)
    assert shop()["spec"] == sim.double.objects[SHOP]["spec"]


def test_undo_to_a_revision_with_another_image() -> None:
    """`kubectl rollout undo` brings the agent of an earlier revision: it is recognized and brought up to date."""
    sim = started_with_agent()
    before = deepcopy(pod(sim))
    set_agent(sim, resources={"limits": {"memory": "64Mi"}})
    rest(sim)
    edit(sim, lambda its: its.clear() or its.update(deepcopy(before)))
    rest(sim)
    found = init(pod(sim)) or {}
    assert {"limits": {"memory": "64Mi"}} == found["resources"]
    assert [] == reasons(sim)
    sim.run(sim.label, sim.settle)
    assert shop()["spec"] == sim.double.objects[SHOP]["spec"]


def test_copy() -> None:
    """`kubectl get -o yaml`, renamed, and `kubectl create`: the agent in the copy is the operator's, too."""
    sim = started_with_agent()
    its = deepcopy(sim.double.objects[SHOP])
    its["metadata"] |= {"name": "copy", "uid": "another"}
    sim.double.put(deployment_path("copy"), its)
    rest(sim)
    sim.double.change(deployment_path("copy"), lambda copy: copy["metadata"].update(labels={}))
    sim.run(sim.settle)
    assert shop()["spec"]["template"]["spec"] == pod(sim, deployment_path("copy"))


def test_changed_copy_is_a_valid_pod() -> None:
    """In a copy whose init container was changed, that and its volume stay the user's."""
    sim = started_with_agent()
    its = deepcopy(sim.double.objects[SHOP])
    its["metadata"] |= {"name": "copy", "uid": "another"}
    change_image(its["spec"]["template"]["spec"])
    sim.double.put(deployment_path("copy"), its)
    rest(sim)
    copy = pod(sim, deployment_path("copy"))
    assert "mirror/agent:1" == (init(copy) or {})["image"]
    assert (None, []) == (mount(copy), sim.double.refusals)


def test_advised_pythonpath() -> None:
    """A container with a PYTHONPATH of its own gets the agent as soon as its owner puts it there."""
    sim = started_with_agent(deployment(container(env=env(PYTHONPATH="/app")), labels=ON))
    assert ["container env has PYTHONPATH; set there PYTHONPATH=/spanloom-agent/agent:/app"] == reasons(sim)
    assert volume(pod(sim)) is None
    set_value(sim, "PYTHONPATH", "/spanloom-agent/agent:/app")
    rest(sim)
    assert mount(pod(sim))
    sim.run(sim.label, sim.settle)
    assert env(PYTHONPATH="/spanloom-agent/agent:/app") == sim.env()
