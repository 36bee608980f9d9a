"""The label where it has no effect: on pod templates, Jobs and Pods."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from support.builders.deployments import deployment, of_kind
from support.servers.api_double import ApiDouble

from spanloom_operator.controller.controller import Controller
from spanloom_operator.controller.misplaced import MisplacedLabels
from spanloom_operator.kinds import CRONJOB, DAEMONSET, DEPLOYMENT, KINDS, STATEFULSET, Kind
from spanloom_operator.kube import paths
from spanloom_operator.names import INJECT_LABEL
from spanloom_operator.settings import Settings

if TYPE_CHECKING:
    from support.builders.deployments import Object

MADE_BY = {"Deployment": "ReplicaSet", "StatefulSet": "Pod", "DaemonSet": "Pod", "CronJob": "Job"}


def labelled(value: str = "true", **owner: Any) -> Object:
    """Return a labelled object as a watch of metadata brings it."""
    metadata: Object = {"name": "x", "namespace": "demo", "uid": "x", "labels": {INJECT_LABEL: value}}
    return {"metadata": {**metadata, "ownerReferences": [{"controller": True, **owner}]} if owner else metadata}


def events(kind: str, found: list[Object], *there: tuple[Kind, Object], times: int = 1) -> list[tuple[str, str]]:
    """Return involved kind and reason of the Events about labelled objects of a kind, and the last message."""
    double = ApiDouble()
    for of, its in there:
        double.put(paths.workloads(of, "demo", its["metadata"]["name"]), of_kind(of, its))
    controller = Controller(double, Settings(namespace="home"))
    misplaced = MisplacedLabels(double, controller.cache, controller.events)

    async def change() -> None:
        async with asyncio.TaskGroup() as misplaced.group:
            for _ in range(times):
                misplaced.changed(kind, "LISTED", found)

    asyncio.run(change())
    queue = controller.events.queue
    posted = [queue.get_nowait()[1] for _ in range(queue.qsize())]
    return [
        (each["involvedObject"]["apiVersion"] + "/" + each["involvedObject"]["kind"], each["reason"]) for each in posted
    ]


@pytest.mark.parametrize(("kind", "involved"), [("Pod", "v1/Pod"), ("Job", "batch/v1/Job")])
def test_job_and_pod_cannot_be_changed(kind: str, involved: str) -> None:
    """An Event names a bare Pod or Job with the label, once."""
    assert [(involved, "NotChangeable")] == events(kind, [labelled()], times=3)
    assert [] == events(kind, [labelled("false")])


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_label_on_the_pod_template(kind: Kind) -> None:
    """What a workload makes has the label of its template: an Event of the workload says where to put it."""
    its = deployment(template_labels={INJECT_LABEL: "true"})
    made = [labelled(kind=kind.name, name="shop", uid="uid-demo-shop")]
    assert [(f"{kind.api_version}/{kind.name}", "Misplaced")] == events(MADE_BY[kind.name], made, (kind, its))


@pytest.mark.parametrize("kind", [DEPLOYMENT, STATEFULSET, DAEMONSET, CRONJOB], ids=KINDS)
def test_label_on_both_is_no_mistake(kind: Kind) -> None:
    """A workload that has the label itself is left alone."""
    its = deployment(labels={INJECT_LABEL: "true"}, template_labels={INJECT_LABEL: "true"})
    made = [labelled(kind=kind.name, name="shop", uid="uid-demo-shop")]
    assert [] == events(MADE_BY[kind.name], made, (kind, its))


def test_pod_of_another_controller() -> None:
    """A Pod of a ReplicaSet or a Job has its template's label: the workload is reported, not each Pod."""
    assert [] == events("Pod", [labelled(kind=kind, name="shop", uid="1") for kind in ("ReplicaSet", "Job", "Rollout")])


def test_many_pods_of_a_workload_are_one_request() -> None:
    """However many pods of a StatefulSet change, the StatefulSet is read once."""
    double, asked = ApiDouble(), list[int]()
    double.before_call = lambda: asked.append(1)
    controller = Controller(double, Settings(namespace="home"))
    misplaced = MisplacedLabels(double, controller.cache, controller.events)

    async def change() -> None:
        async with asyncio.TaskGroup() as misplaced.group:
            for _ in range(50):
                misplaced.changed("Pod", "MODIFIED", labelled(kind="StatefulSet", name="shop", uid="1"))

    asyncio.run(change())
    assert 1 == len(asked)
