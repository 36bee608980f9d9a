"""How far the rollout of a workload's pod template is, by its status; one function for each kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    Object = Mapping[str, Any]

COMPLETE = "NewReplicaSetAvailable"
GIVEN_UP = "ProgressDeadlineExceeded"
ON_DELETE = "OnDelete"
"""Update strategy of StatefulSets and DaemonSets: a pod gets the template when a user deletes the old one."""


@dataclass(frozen=True)
class Rollout:
    """How far a rollout is.

    `is_observed`: the status is that of the present generation; `is_stale`: that of an earlier one. `is_complete`:
    every pod has the present template, and was ready. `is_over`: Kubernetes has nothing to replace any more, which is
    earlier where a partition keeps old pods. `is_healthy`: it is over, and every pod is ready. `is_under_way`: it goes
    on, or Kubernetes has given it up. `is_replacing`: the same, by the number of replaced pods alone, which a pod that
    fails later does not change. `updated` counts the pods that were replaced one after the other; 0 where they are
    replaced together. `replaces_pods` is false where a changed template does not end a running pod.
    """

    is_observed: bool
    is_complete: bool
    is_over: bool
    is_healthy: bool = False
    is_under_way: bool = False
    is_replacing: bool = False
    is_given_up: bool = False
    is_stale: bool = False
    updated: int = 0
    replaces_pods: bool = True
    summary: str = ""


def deployment_rollout(found: Object, _: str) -> Rollout:
    """Read the condition Progressing; later failures are not the template's.

    The condition alone is not enough: it stays what it was when an old ReplicaSet serves again. This is the rule of
    kube-controller-manager itself (syncRolloutStatus).
    """
    status, replicas, is_observed = _status(found), _replicas(found), _is_observed(found)
    reason, message = _progress(status)
    has_one_template = status.get("replicas", 0) == status.get("updatedReplicas", 0)
    is_complete = is_observed and has_one_template and reason == COMPLETE
    ready = min(_count(status, "updatedReplicas"), _count(status, "readyReplicas"))
    unavailable = _count(status, "unavailableReplicas")
    return Rollout(
        is_observed,
        is_complete,
        is_over=is_complete,
        is_healthy=is_complete and _count(status, "availableReplicas") >= replicas,
        is_under_way=is_observed and reason is not None and not is_complete,
        is_replacing=not is_complete,
        is_given_up=reason == GIVEN_UP,
        is_stale=_is_stale(found),
        summary=f"{unavailable} unavailable, {ready} of {replicas} ready; {message or 'no progress'}",
    )


def statefulset_rollout(found: Object, _: str) -> Rollout:
    """Read revisions and replicas, as `kubectl rollout status` does; pods below a partition keep the old template."""
    status, replicas, is_observed = _status(found), _replicas(found), _is_observed(found)
    rolls, strategy = _rolls(found), found["spec"].get("updateStrategy") or {}
    kept = int((strategy.get("rollingUpdate") or {}).get("partition") or 0) if rolls else replicas
    updated, ready = _count(status, "updatedReplicas"), _count(status, "readyReplicas")
    is_over = is_observed and updated >= replicas - kept and ready >= replicas
    is_replacing = rolls and status.get("currentRevision") != status.get("updateRevision")
    return Rollout(
        is_observed,
        is_complete=is_over and updated >= replicas,
        is_over=is_over,
        is_healthy=is_over,
        is_under_way=is_observed and is_replacing and not is_over,
        is_replacing=is_replacing,
        is_stale=_is_stale(found),
        updated=updated if is_observed else 0,
        replaces_pods=rolls,
        summary=f"{updated} of {replicas} updated, {ready} of {replicas} ready{_waits_for_a_pod(found)}",
    )


def daemonset_rollout(found: Object, _: str) -> Rollout:
    """Read the numbers of nodes, as `kubectl rollout status` does."""
    status, is_observed, rolls = _status(found), _is_observed(found), _rolls(found)
    nodes, updated = _count(status, "desiredNumberScheduled"), _count(status, "updatedNumberScheduled")
    available = _count(status, "numberAvailable")
    is_complete = is_observed and updated >= nodes and available >= nodes
    return Rollout(
        is_observed,
        is_complete,
        is_over=is_complete or (is_observed and not rolls),
        is_healthy=is_complete or (is_observed and not rolls and available >= nodes),
        is_under_way=is_observed and rolls and not is_complete,
        is_replacing=rolls and updated < nodes,
        is_stale=_is_stale(found),
        updated=updated if is_observed else 0,
        replaces_pods=rolls,
        summary=f"{updated} of {nodes} updated, {available} of {nodes} available",
    )


def cronjob_rollout(found: Object, applied_at: str) -> Rollout:
    """Read when a Job was last created: one that is scheduled after `applied_at` has the injection.

    Both are times of the API server (RFC 3339 in UTC), whose texts sort as the times do. Nothing is replaced, so
    nothing is rolled back.
    """
    scheduled_at = str(_status(found).get("lastScheduleTime") or "")
    is_complete = bool(applied_at) and scheduled_at > applied_at
    return Rollout(is_observed=True, is_complete=is_complete, is_over=True, replaces_pods=False)


def _status(found: Object) -> Object:
    return found.get("status") or {}


def _count(status: Object, key: str) -> int:
    return int(status.get(key) or 0)


def _replicas(found: Object) -> int:
    replicas = found["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def _rolls(found: Object) -> bool:
    return (found["spec"].get("updateStrategy") or {}).get("type") != ON_DELETE


def _is_observed(found: Object) -> bool:
    return _count(_status(found), "observedGeneration") >= int(found["metadata"].get("generation", 0))


def _is_stale(found: Object) -> bool:
    return "observedGeneration" in _status(found) and not _is_observed(found)


def _progress(status: Object) -> tuple[str | None, str]:
    """Return reason and message of the condition Progressing; Kubernetes keeps none without a progress deadline."""
    conditions = status.get("conditions") or ()
    found = [condition for condition in conditions if condition["type"] == "Progressing"]
    return (found[0].get("reason"), found[0].get("message") or "") if found else (None, "")


def _waits_for_a_pod(found: Object) -> str:
    """Return what a user has to do: an ordered StatefulSet never replaces a pod that does not become ready.

    https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback
    """
    is_ordered = found["spec"].get("podManagementPolicy") != "Parallel"
    return "; if its pod stays unready, delete that pod" if is_ordered and _rolls(found) else ""
