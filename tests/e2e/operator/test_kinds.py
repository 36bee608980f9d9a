"""StatefulSets, DaemonSets and CronJobs on a real API server; Jobs and Pods, which cannot be changed."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING

import pytest
from e2e.operator.shop import IMAGE, SLEEP, labelled_shop, shop
from support.builders.deployments import of_kind
from support.cluster.kube import injection, state, visible_fields, wait_for_state
from support.polling import poll_until

from spanloom_operator.kinds import CRONJOB, DAEMONSET, DEPLOYMENT, JOB, KINDS, POD, STATEFULSET, Kind
from spanloom_operator.names import INJECT_LABEL

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from support.cluster.kube import Kube, Object

    Operating = Callable[..., AbstractContextManager[object]]

ROLLING = (DEPLOYMENT, STATEFULSET, DAEMONSET)
OTHERS = (STATEFULSET, DAEMONSET, CRONJOB)
BREAKS = ["sh", "-c", 'test -z "$OTEL_SERVICE_NAME" && exec sleep 3600']
"""A command that ends when there is an injection."""


def record(kind: Kind) -> str:
    """Return the name of the OtelInjection of a workload named shop."""
    return "shop" if kind is DEPLOYMENT else f"{kind.name.lower()}.shop"


def workload(kube: Kube, kind: Kind, **container: object) -> Object:
    """Return a workload with one container, and one replica where it has replicas."""
    its = of_kind(kind, shop(kube, 1, **container))
    if kind is STATEFULSET:
        its["spec"]["replicas"] = 1
    return its


def label(kube: Kube, kind: Kind, value: str = "=true") -> None:
    """Set or remove (`-`) the label."""
    kube("label", "--overwrite", f"{kind.resource}/shop", f"{INJECT_LABEL}{value}")


def names(kube: Kube, what: str, kind: Kind) -> list[str]:
    """Return the names of the variables in the pod template of an object."""
    [container] = kind.template_owner(kube.get(what))["template"]["spec"]["containers"]
    return [entry["name"] for entry in container.get("env", [])]


@pytest.mark.parametrize("kind", OTHERS, ids=lambda kind: kind.name)
def test_injected_and_restored(kube: Kube, operating: Operating, kind: Kind) -> None:
    """Label on: the pods of the workload get the variables; label off: `kubectl get -o yaml` equals the original."""
    kube.apply(workload(kube, kind))
    before = visible_fields(kube, kind=kind.resource)
    with operating():
        label(kube, kind)
        wait_for_state(kube, "Injected", record(kind))
        injected = names(kube, f"{kind.resource}/shop", kind)
        if kind in ROLLING:
            kube("rollout", "status", f"{kind.resource}/shop", "--timeout=90s")
            poll_until(lambda: injection(kube, record(kind))["guard"]["isRolledOut"], "it is rolled out")
        label(kube, kind, "-")
        wait_for_state(kube, None, record(kind))
    assert "OTEL_SERVICE_NAME" in injected
    assert before == visible_fields(kube, kind=kind.resource)


def test_the_next_job_has_it(kube: Kube, operating: Operating) -> None:
    """A Job that is created after the injection has the variables, its CronJob's name among them."""
    kube.apply(workload(kube, CRONJOB))
    with operating():
        label(kube, CRONJOB)
        wait_for_state(kube, "Injected", record(CRONJOB))
    kube("create", "job", "next", "--from=cronjob/shop")
    assert "k8s.cronjob.name=shop" in json.dumps(kube.get("job/next")["spec"]["template"])


def test_same_name_of_different_kinds(kube: Kube, operating: Operating) -> None:
    """Workloads of different kinds with one name have an OtelInjection each, and each is its workload's own."""
    for kind in KINDS.values():
        kube.apply(workload(kube, kind))
        label(kube, kind)
    with operating():
        for kind in KINDS.values():
            wait_for_state(kube, "Injected", record(kind))
    owners = {
        each["metadata"]["name"]: each["metadata"]["ownerReferences"][0]["kind"]
        for each in kube.get("otelinjections")["items"]
    }
    assert {record(kind): kind.name for kind in KINDS.values()} == owners


def test_namespace_label_is_for_deployments(kube: Kube, operating: Operating) -> None:
    """The label of a namespace restarts no StatefulSet: other kinds need a label of their own."""
    for kind in (STATEFULSET, DEPLOYMENT):
        kube.apply(workload(kube, kind))
    kube("label", "namespace", kube.namespace, f"{INJECT_LABEL}=true")
    with operating():
        wait_for_state(kube, "Injected")
        assert state(kube, record(STATEFULSET)) is None
    assert [] == names(kube, "statefulset/shop", STATEFULSET)


def test_statefulset_that_does_not_become_ready(kube: Kube, operating: Operating) -> None:
    """A StatefulSet whose pod does not become ready is rolled back; the reason says which pod to delete."""
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 1}
    kube.apply(workload(kube, STATEFULSET, command=BREAKS, readinessProbe=probe))
    kube("rollout", "status", "statefulset/shop", "--timeout=90s")
    with operating(GRACE="5"):
        label(kube, STATEFULSET)
        wait_for_state(kube, "RolledBack", record(STATEFULSET))
    assert "if its pod stays unready, delete that pod" in injection(kube, record(STATEFULSET))["reason"]
    assert [] == names(kube, "statefulset/shop", STATEFULSET)
    kube("delete", "pod", "shop-0", "--wait=false")
    kube("rollout", "status", "statefulset/shop", "--timeout=90s")


def test_job_and_pod(kube: Kube, operating: Operating) -> None:
    """The label on a Job or a Pod changes nothing; an Event says so, and what to label instead."""
    its = labelled_shop(kube, image=IMAGE, command=SLEEP)
    pod = {**its["spec"]["template"]["spec"], "restartPolicy": "Never"}
    metadata = {**its["metadata"], "name": "shop"}
    kube.apply(
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod},
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": {"spec": deepcopy(pod)}}},
    )
    with operating():
        for kind in (POD, JOB):
            reported = f"{kind.name.lower()}/shop"
            poll_until(lambda what=reported: "NotChangeable" in kube("events", "--for", what), f"Event of {reported}")
            assert kind.remedy in kube("events", "--for", reported)


@pytest.mark.parametrize("kind", OTHERS, ids=lambda kind: kind.name)
def test_cleanup_and_explain(kube: Kube, operating: Operating, kind: Kind) -> None:
    """`spanloom explain` shows the workload, `spanloom cleanup` restores it although the label is still there."""
    kube.apply(workload(kube, kind))
    label(kube, kind)
    before = visible_fields(kube, kind=kind.resource)
    with operating():
        wait_for_state(kube, "Injected", record(kind))
    command = ("explain", f"{kind.short_name}/shop", "-n", kube.namespace, "--home", "op-e2e-home", "-o", "json")
    [found] = json.loads(kube.cli(*command))
    printed = kube.cli("cleanup", "--namespaces", kube.namespace)
    assert (kind.name, "Injected") == (found["kind"], found["outcome"])
    assert f"withdrawn from {kind.name.lower()} {kube.namespace}/shop\n" == printed
    assert before == visible_fields(kube, kind=kind.resource)
