"""How the agent is delivered: by an image volume or an init container, and what happens when it cannot be."""

from __future__ import annotations

from copy import deepcopy

from support.builders.deployments import AGENT_IMAGE, deployment, rolling_out
from support.servers.agent_simulation import (
    ON,
    SHOP,
    init,
    pod,
    python_path,
    set_agent,
    shop,
    started_with_agent,
    volume,
)
from support.servers.simulation import Simulation, deployment_path

from spanloom_operator.controller.agent_delivery import PROBE_SECONDS
from spanloom_operator.controller.reconciler import RECHECK_SECONDS
from spanloom_operator.names import PYTHONPATH_ANNOTATION


def test_image_volume_where_the_api_server_keeps_one() -> None:
    """A dry run shows it; the pod then needs no init container."""
    sim = started_with_agent(has_image_volumes=True)
    assert "imageVolume" == sim.status()["agent"]["delivery"]
    assert "image" in (volume(pod(sim)) or {})
    assert init(pod(sim)) is None
    sim.run(sim.label, sim.settle)
    assert shop()["spec"] == sim.double.objects[SHOP]["spec"]


def test_new_delivery_replaces_no_pods() -> None:
    """An API server that learns image volumes causes no rollout: they come with the next change."""
    sim = started_with_agent()
    before = deepcopy(sim.double.objects[SHOP])
    sim.double.has_image_volumes = True
    sim.run(lambda: sim.wait(PROBE_SECONDS))
    sim.add(deployment(name="later", labels=ON))
    sim.run(sim.settle)
    assert "image" in (volume(pod(sim, deployment_path("later"))) or {})
    sim.label(**ON, another="label")
    sim.run(sim.settle)
    assert before["spec"] == sim.double.objects[SHOP]["spec"]
    set_agent(sim, image=AGENT_IMAGE, resources={"limits": {"memory": "64Mi"}})
    sim.run(sim.settle)
    assert (None, True) == (init(pod(sim)), "image" in (volume(pod(sim)) or {}))


def test_image_that_cannot_be_pulled() -> None:
    """The rollout is rolled back; the reason says where to look, and the annotation it names allows another attempt."""
    sim = Simulation()
    set_agent(sim)
    sim.add(shop())
    sim.double.rolls_out = lambda found: rolling_out(found["metadata"]["generation"])
    sim.run(lambda: sim.wait(RECHECK_SECONDS), lambda: sim.wait(301))
    assert "RolledBack" == sim.state()
    assert f"can the nodes pull {AGENT_IMAGE}?" in sim.status()["reason"]
    assert "annotation spanloom.dev/pythonpath" in sim.status()["reason"]
    assert "agent" not in sim.status()
    assert shop()["spec"] == sim.double.objects[SHOP]["spec"]
    sim.double.change(SHOP, lambda its: its["metadata"]["annotations"].update({PYTHONPATH_ANNOTATION: "/app"}))
    sim.run(sim.settle)
    assert ("Injected", "/spanloom-agent/agent:/app") == (sim.state(), python_path(pod(sim)))
