"""A simulation of a workload that has the agent, and the agent's pieces in its pod template."""

from __future__ import annotations

from copy import deepcopy

from support.builders.deployments import EXPORTER, Object, container, deployment, env, profile
from support.servers.simulation import Simulation, deployment_path, profile_path

from spanloom_operator.controller.reconciler import RECHECK_SECONDS
from spanloom_operator.names import INJECT_LABEL

ON = {INJECT_LABEL: "true"}
SHOP = deployment_path()
OWN_LISTS = {
    "volumes": [{"name": "data", "emptyDir": {}}],
    "initContainers": [container("setup", volumeMounts=[{"name": "data", "mountPath": "/data"}])],
}


def shop(labels: dict[str, str] | None = ON) -> Object:
    """Return a Deployment with entries of the user's own in every list, and a sidecar without any."""
    app = container(env=env(A="1"), volumeMounts=[{"name": "data", "mountPath": "/data"}])
    return deployment(app, container("sidecar"), labels=labels, pod=deepcopy(OWN_LISTS))


def set_agent(sim: Simulation, **agent: object) -> None:
    """Enable the agent in the operator's default profile."""
    spec = {"exporter": EXPORTER, "agent": {"enabled": True, **agent}}
    sim.double.put(profile_path("home"), profile(namespace="home", **spec))


def started_with_agent(its: Object | None = None, *, has_image_volumes: bool = False) -> Simulation:
    """Return a simulation in which a Deployment has the agent."""
    sim = Simulation()
    sim.double.has_image_volumes = has_image_volumes
    set_agent(sim)
    sim.add(shop() if its is None else its)
    rest(sim)
    return sim


def rest(sim: Simulation) -> None:
    """Let the operator work until nothing is left to do."""
    sim.run(lambda: sim.wait(RECHECK_SECONDS), lambda: sim.wait(7200))


def pod(sim: Simulation, path: str = SHOP) -> Object:
    """Return the spec of a Deployment's pods."""
    found: Object = sim.double.objects[path]["spec"]["template"]["spec"]
    return found


def item(its: Object, kind: str, name: str) -> Object | None:
    """Return an item of a list by its name or path."""
    return next((each for each in its.get(kind, ()) if each.get("mountPath", each["name"]) == name), None)


def volume(its: Object) -> Object | None:
    """Return the agent's volume."""
    return item(its, "volumes", "spanloom-agent")


def init(its: Object) -> Object | None:
    """Return the agent's init container."""
    return item(its, "initContainers", "spanloom-agent")


def mount(its: Object) -> Object | None:
    """Return the agent's mount in the first container."""
    return item(its["containers"][0], "volumeMounts", "/spanloom-agent")


def python_path(its: Object) -> str | None:
    """Return PYTHONPATH of the first container."""
    entry = item(its["containers"][0], "env", "PYTHONPATH")
    return entry["value"] if entry else None


def reasons(sim: Simulation) -> list[str]:
    """Return why the agent is not in containers of the Deployment."""
    return [each["reason"] for each in sim.status().get("skipped", ()) if each.get("name") == "spanloom-agent"]
