"""How far a rollout is, by the status of the Deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spanloom_operator.injection.workload import Workload

COMPLETE = "NewReplicaSetAvailable"
GIVEN_UP = "ProgressDeadlineExceeded"


def is_complete(workload: Workload) -> bool:
    """Return whether the present template was once rolled out as a whole; later failures are not the template's.

    The condition alone is not enough: it stays what it was when an old ReplicaSet serves again. This is the rule of
    kube-controller-manager itself (syncRolloutStatus).
    """
    has_one_template = workload.status.get("replicas", 0) == workload.status.get("updatedReplicas", 0)
    return is_observed(workload) and has_one_template and progress(workload) == COMPLETE


def is_healthy(workload: Workload) -> bool:
    """Return whether the present template is rolled out and every replica is available."""
    return is_complete(workload) and int(workload.status.get("availableReplicas", 0)) >= workload.replicas


def is_failing(workload: Workload) -> bool:
    """Return whether a rollout is under way, or given up."""
    return is_observed(workload) and progress(workload) is not None and not is_complete(workload)


def is_given_up(workload: Workload) -> bool:
    """Return whether Kubernetes has given the rollout up (progressDeadlineSeconds)."""
    return progress(workload) == GIVEN_UP


def is_observed(workload: Workload) -> bool:
    """Return whether the status is that of the present generation."""
    return int(workload.status.get("observedGeneration", 0)) >= workload.generation


def status_is_stale(workload: Workload) -> bool:
    """Return whether there is a status, of an earlier generation."""
    return "observedGeneration" in workload.status and not is_observed(workload)


def progress(workload: Workload) -> str | None:
    """Return the reason of the condition Progressing; None where Kubernetes keeps none (no progress deadline)."""
    conditions = workload.status.get("conditions") or ()
    return next((condition.get("reason") for condition in conditions if condition["type"] == "Progressing"), None)


def progress_summary(workload: Workload) -> str:
    """Return in one line how far a rollout came."""
    status = workload.status
    ready = min(int(status.get("updatedReplicas", 0)), int(status.get("readyReplicas", 0)))
    conditions = status.get("conditions") or ()
    messages = [each["message"] for each in conditions if each["type"] == "Progressing" and "message" in each]
    unavailable = int(status.get("unavailableReplicas", 0))
    return (
        f"{unavailable} unavailable, {ready} of {workload.replicas} ready; {messages[0] if messages else 'no progress'}"
    )
