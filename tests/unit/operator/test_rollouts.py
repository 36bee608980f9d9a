"""How far a rollout is, by the status of each kind; and the automatic rollback where pods are replaced one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from support.builders.deployments import Object, deployment, of_kind, workload_of
from support.builders.statuses import rolled_out_status, rolling_out_status
from support.servers.simulation import Simulation

from spanloom_operator.controller.reconciler import RECHECK_SECONDS
from spanloom_operator.injection.guard import with_restarted_clock
from spanloom_operator.injection.record import Guard
from spanloom_operator.kinds import CRONJOB, DAEMONSET, DEPLOYMENT, KINDS, STATEFULSET, Kind
from spanloom_operator.names import INJECT_LABEL

if TYPE_CHECKING:
    from spanloom_operator.rollouts import Rollout

ROLLING = (DEPLOYMENT, STATEFULSET, DAEMONSET)
EVERY_ROLLING_KIND = pytest.mark.parametrize("kind", ROLLING, ids=lambda kind: kind.name)
ON_DELETE = {"updateStrategy": {"type": "OnDelete"}}


def workload(kind: Kind, spec: Object | None = None, generation: int = 1, **status: Any) -> Object:
    its = of_kind(kind, deployment(labels={INJECT_LABEL: "true"}))
    its["metadata"]["generation"] = generation
    return {**its, "spec": {**its["spec"], **(spec or {})}, "status": {**rolled_out_status(its), **status}}


def rollout(kind: Kind, *arguments: Any, **status: Any) -> Rollout:
    return workload_of(workload(kind, *arguments, **status)).rollout


def partition(count: int) -> Object:
    return {"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": count}}}


OLD = {"currentRevision": "before"}
STATES: dict[str, tuple[Rollout, dict[str, bool]]] = {
    "Deployment that is complete": (rollout(DEPLOYMENT), {"is_complete": True, "is_healthy": True}),
    "StatefulSet that is complete": (rollout(STATEFULSET), {"is_complete": True, "is_healthy": True}),
    "StatefulSet whose new pod is not ready": (
        rollout(STATEFULSET, readyReplicas=0, **OLD),
        {"is_under_way": True, "is_over": False, "is_complete": False},
    ),
    "StatefulSet whose pod fails later": (
        rollout(STATEFULSET, readyReplicas=0),
        {"is_under_way": False, "is_healthy": False, "is_replacing": False},
    ),
    "StatefulSet with pods below the partition": (
        rollout(STATEFULSET, partition(2), updatedReplicas=1, readyReplicas=3, **OLD),
        {"is_over": True, "is_complete": False, "is_under_way": False},
    ),
    "StatefulSet above the partition": (
        rollout(STATEFULSET, partition(1), updatedReplicas=1, readyReplicas=3, **OLD),
        {"is_over": False, "is_under_way": True},
    ),
    "StatefulSet that replaces on delete": (
        rollout(STATEFULSET, ON_DELETE, updatedReplicas=0, **OLD),
        {"is_over": True, "is_complete": False, "is_under_way": False, "replaces_pods": False},
    ),
    "StatefulSet that is not observed": (
        rollout(STATEFULSET, None, 2, observedGeneration=1),
        {"is_complete": False, "is_stale": True, "is_under_way": False},
    ),
    "DaemonSet that is complete": (rollout(DAEMONSET), {"is_complete": True, "is_healthy": True}),
    "DaemonSet whose new pod is not available": (
        rollout(DAEMONSET, numberAvailable=0),
        {"is_under_way": True, "is_complete": False, "is_replacing": False},
    ),
    "DaemonSet with old pods": (rollout(DAEMONSET, updatedNumberScheduled=0), {"is_replacing": True}),
    "DaemonSet that replaces on delete": (
        rollout(DAEMONSET, ON_DELETE, updatedNumberScheduled=0),
        {"is_over": True, "is_complete": False, "is_under_way": False, "replaces_pods": False},
    ),
    "DaemonSet without a node": (
        rollout(DAEMONSET, desiredNumberScheduled=0, updatedNumberScheduled=0, numberAvailable=0),
        {"is_complete": True},
    ),
    "CronJob": (rollout(CRONJOB), {"is_complete": False, "is_over": True, "is_healthy": False, "replaces_pods": False}),
}


@pytest.mark.parametrize(("found", "expected"), STATES.values(), ids=STATES)
def test_status_of_every_kind(found: Rollout, expected: dict[str, bool]) -> None:
    """Each kind's status is read by the rules of its controller."""
    assert expected == {key: getattr(found, key) for key in expected}


def test_cronjob_is_rolled_out_at_the_next_job() -> None:
    """RolledOut is true once a Job was scheduled after the operator's write, and not before."""
    sim = Simulation(kind=CRONJOB)
    scheduled = {"lastScheduleTime": "1970-01-01T00:10:00Z"}
    sim.double.rolls_out = lambda _: dict(scheduled)
    sim.add()
    sim.run(lambda: sim.wait(RECHECK_SECONDS))
    before = sim.status()["guard"]["isRolledOut"]
    scheduled["lastScheduleTime"] = "1970-01-01T01:00:00Z"
    sim.run(lambda: sim.double.change(sim.path(), lambda its: its["metadata"]["annotations"].update(a="b")), sim.settle)
    assert [False, True] == [before, sim.status()["guard"]["isRolledOut"]]


@EVERY_ROLLING_KIND
def test_rollout_that_does_not_become_ready_is_rolled_back(kind: Kind) -> None:
    """After the grace time the template is the user's again, and stays so over a restart."""
    sim = Simulation(kind=kind)
    sim.add()
    sim.double.rolls_out = rolling_out_status
    sim.run(lambda: sim.wait(RECHECK_SECONDS), lambda: sim.wait(301))
    assert ([], "RolledBack") == (sim.env(), sim.state())
    sim.double.rolls_out = rolled_out_status
    sim.run(sim.stop, lambda: sim.wait(9999))
    assert ([], "RolledBack") == (sim.env(), sim.state())


@pytest.mark.parametrize("kind", [STATEFULSET, DAEMONSET], ids=lambda kind: kind.name)
def test_strategy_on_delete_is_never_rolled_back(kind: Kind) -> None:
    """Where users replace the pods, an injection waits for them for ever."""
    its = workload(kind, ON_DELETE)
    sim = Simulation(kind=kind)
    sim.double.put(sim.path(), its)
    sim.double.rolls_out = rolling_out_status
    sim.run(lambda: sim.wait(RECHECK_SECONDS), lambda: sim.wait(9999))
    assert ("Injected", False) == (sim.state(), sim.status()["guard"]["isRolledOut"])


@pytest.mark.parametrize(
    ("updated", "expected"), [(2, 1000), (3, 5000)], ids=["the same pod as before", "another pod was replaced"]
)
def test_each_pod_has_the_grace_time(updated: int, expected: float) -> None:
    """Where pods are replaced one after the other, the clock starts again with each."""
    rolling = workload_of(workload(STATEFULSET, {"replicas": 5}, updatedReplicas=updated, readyReplicas=4, **OLD))
    guard = Guard("cause", "template", 1, 1000, was_healthy=True, updated=2)
    assert expected == with_restarted_clock(guard, rolling, 5000).started


def test_pods_replaced_together_have_one_grace_time() -> None:
    """A Deployment's clock starts again with its generation alone."""
    rolling = workload_of(workload(DEPLOYMENT, {"replicas": 5}, updatedReplicas=3))
    assert 1000 == with_restarted_clock(Guard("cause", "template", 1, 1000), rolling, 5000).started


def test_node_that_is_down_rolls_nothing_back_after_a_restart() -> None:
    """Without a record, a DaemonSet with the injection on every node is not rolled back for a node that is down."""
    sim = Simulation(kind=DAEMONSET)
    sim.add()
    sim.run(lambda: sim.wait(RECHECK_SECONDS), sim.stop)
    for path in [path for path in sim.double.objects if "otelinjections" in path]:
        sim.double.delete_object(path)
    sim.double.rolls_out = rolling_out_status
    sim.double.change(sim.path(), lambda its: its["metadata"]["annotations"].update(a="b"))
    sim.run(lambda: sim.wait(RECHECK_SECONDS), lambda: sim.wait(9999))
    assert "Injected" == sim.state()


def test_every_kind_has_a_summary() -> None:
    """The reason of a rollback says how far it came, and what a user has to do."""
    summaries = [
        workload_of({**its, "status": rolling_out_status(its)}).rollout.summary for its in map(workload, ROLLING)
    ]
    assert [
        "1 unavailable, 1 of 1 ready; has timed out progressing",
        "1 of 1 updated, 0 of 1 ready; if its pod stays unready, delete that pod",
        "1 of 1 updated, 0 of 1 available",
    ] == summaries
    parallel = rollout(STATEFULSET, {"podManagementPolicy": "Parallel"})
    assert "1 of 1 updated, 1 of 1 ready" == parallel.summary
    assert set(KINDS.values()) == {*ROLLING, CRONJOB}
    assert replace(parallel, summary="") == replace(rollout(STATEFULSET), summary="")
