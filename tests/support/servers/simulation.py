"""A cluster in memory, the users in it, a clock, and an operator that may be restarted at any time."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from support.builders.deployments import AGENT_IMAGE, EXPORTER, Object, deployment, of_kind, profile
from support.servers.api_double import ApiDouble

from spanloom_operator.controller.controller import Controller
from spanloom_operator.controller.reconciler import RECHECK_SECONDS
from spanloom_operator.kinds import DEPLOYMENT, KINDS, Kind, WorkloadKey
from spanloom_operator.kube import paths
from spanloom_operator.names import INJECT_LABEL
from spanloom_operator.settings import Settings

SETTINGS = Settings(namespace="home", endpoints=("*",), rollouts=2, grace=300, agent_image=AGENT_IMAGE)
DEMO = "/api/v1/namespaces/demo"


def profile_path(namespace: str, name: str = "default") -> str:
    """Return the path of an OtelProfile."""
    return f"/apis/spanloom.dev/v1alpha1/namespaces/{namespace}/otelprofiles/{name}"


def deployment_path(name: str = "shop", kind: Kind = DEPLOYMENT) -> str:
    """Return the path of a Deployment, or of a workload of another kind, in the namespace demo."""
    return paths.workloads(kind, "demo", name)


def injection_path(name: str = "shop", kind: Kind = DEPLOYMENT) -> str:
    """Return the path of the OtelInjection of a workload in the namespace demo."""
    return paths.injections("demo", WorkloadKey("demo", name, kind.name).injection_name)


def namespace(label: str | None = None) -> Object:
    """Return the namespace demo, with this label."""
    labels = {INJECT_LABEL: label} if label else {}
    return {"kind": "Namespace", "metadata": {"name": "demo", "uid": "n", "labels": labels}}


class Simulation:
    """The operator's default profile is in the namespace home; workloads of one kind are in the namespace demo."""

    def __init__(self, settings: Settings = SETTINGS, kind: Kind = DEPLOYMENT) -> None:
        self.double, self.now, self.settings, self.kind = ApiDouble(), 1000.0, settings, kind
        self.double.now = lambda: datetime.fromtimestamp(self.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.double.put(profile_path("home"), profile(namespace="home"))
        self.double.put(DEMO, namespace())
        self.controller: Controller | None = None
        self.later: dict[WorkloadKey, float] = {}
        self._known: dict[str, Object] = {}

    def add(self, *deployments: Object) -> None:
        """Create workloads of the kind, from Deployments."""
        for its in deployments or (deployment(labels={INJECT_LABEL: "true"}),):
            self.double.put(self.path(its["metadata"]["name"]), of_kind(self.kind, its))

    def path(self, name: str = "shop") -> str:
        """Return the path of a workload."""
        return deployment_path(name, self.kind)

    # ---- time
    async def settle(self) -> None:
        """Let the operator work until there is nothing to do now."""
        if self.controller is None:
            await self._start()
        else:
            self.bring_changes()
        controller = self.running()
        while not controller.queue.idle.is_set():
            await controller.queue.step(controller.reconciler.reconcile)
            self.bring_changes()
            self._due()
        await controller.report()

    async def wait(self, seconds: float) -> None:
        """Let time pass, and what was delayed become due."""
        await self.settle()
        self.now += seconds
        self._due()
        await self.settle()

    def run(self, *steps: Any) -> None:
        """Run steps in one event loop, as one process would."""

        async def all_of_them() -> None:
            for step in steps:
                result = step()
                if asyncio.iscoroutine(result):
                    await result

        asyncio.run(all_of_them())

    def stop(self) -> None:
        """End the operator's process."""
        self.controller = None

    def running(self) -> Controller:
        """Return the controller that runs."""
        assert self.controller is not None
        return self.controller

    async def _start(self) -> None:
        self.controller, self.later = Controller(self.double, self.settings, lambda: self.now), {}
        queue = self.controller.queue
        queue.add_later = lambda key, seconds: self.later.update({key: self.now + seconds})  # type: ignore[method-assign]
        queue.cancel = lambda key: self.later.pop(key, None)  # type: ignore[method-assign]
        self._known = deepcopy(self.double.objects)  # a watch begins where its list ended
        await self.controller.load()
        self.bring_changes()

    def _due(self) -> None:
        for key, due in list(self.later.items()):
            if due <= self.now:
                del self.later[key]
                self.running().queue.add(key)

    # ---- watches
    def bring_changes(self) -> None:
        """Hand the operator what its watches would have brought since the last time."""
        before, after = self._known, deepcopy(self.double.objects)
        self._known = after
        for path in sorted(before.keys() | after.keys()):
            if before.get(path) != after.get(path):
                self._bring(path, before.get(path), after.get(path))

    def _bring(self, path: str, old: Object | None, new: Object | None) -> None:
        kind = (new or old or {})["kind"]
        if kind == "OtelProfile":
            self.running().profile_changed("MODIFIED" if new else "DELETED", deepcopy(new or old or {}))
        elif kind == "Namespace":
            self._bring_namespace(new)
        elif kind in KINDS:
            self._bring_workload(KINDS[kind], path, old, new)

    def _bring_namespace(self, new: Object | None) -> None:
        label = ((new or {}).get("metadata", {}).get("labels") or {}).get(INJECT_LABEL)
        cache = self.running().cache
        cache.namespace_changed("demo", label)
        if label:
            cache.workloads_listed(
                DEPLOYMENT, "demo", [self.double.shown(p) for p in self.double.objects if "/deployments/" in p]
            )

    def _bring_workload(self, kind: Kind, path: str, old: Object | None, new: Object | None) -> None:
        has_default = kind.follows_namespace and bool(self.double.objects[DEMO]["metadata"]["labels"])
        selected = [bool(x and (INJECT_LABEL in x["metadata"]["labels"] or has_default)) for x in (old, new)]
        if selected[1]:
            self.running().cache.workload_changed(kind, "MODIFIED", self.double.shown(path))
        elif selected[0] and old:
            self.running().cache.workload_changed(kind, "DELETED", deepcopy(old))

    # ---- what is there
    def env(self, name: str = "shop", container: int = 0) -> list[Object]:
        """Return the env entries of a container."""
        entries: list[Object] = self.pod(self.double.objects[self.path(name)])["containers"][container].get("env", [])
        return entries

    def pod(self, its: Object) -> Object:
        """Return the pod's spec in a workload."""
        pod: Object = self.kind.template_owner(its)["template"]["spec"]
        return pod

    def status(self, name: str = "shop") -> Object:
        """Return the status of an OtelInjection; {} when there is none."""
        status: Object = self.double.objects.get(injection_path(name, self.kind), {}).get("status", {})
        return status

    def state(self, name: str = "shop") -> str | None:
        """Return the state of an OtelInjection."""
        return self.status(name).get("state")

    def label(self, name: str = "shop", **labels: str) -> None:
        """Set the labels of a workload."""
        self.double.change(self.path(name), lambda its: its["metadata"].update(labels=labels))


def started(*deployments: Object, kind: Kind = DEPLOYMENT) -> Simulation:
    """Return a simulation in which the operator has looked at these workloads; one with the label by default."""
    sim = Simulation(kind=kind)
    sim.add(*deployments)
    sim.run(lambda: sim.wait(RECHECK_SECONDS))
    return sim


def set_value(sim: Simulation, name: str, value: str) -> None:
    """Change or add an entry, as `kubectl set env` does."""

    def edit(its: Object) -> None:
        entries = sim.pod(its)["containers"][0].setdefault("env", [])
        found = [entry for entry in entries if entry["name"] == name]
        for entry in found:
            entry["value"] = value
        entries += [] if found else [{"name": name, "value": value}]

    sim.double.change(sim.path(), edit)


def change_profile(sim: Simulation) -> None:
    """Change the operator's default profile."""
    sim.double.put(profile_path("home"), profile(namespace="home", exporter=EXPORTER, propagators=["none"]))
