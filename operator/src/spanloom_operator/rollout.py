"""Whether a rollout of ours goes well, how many may run at once, and how often to mend what others undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanloom_operator.ownership import applied_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spanloom_operator.apply import Status

FIRST_WAIT, LONGEST_WAIT = 10, 3600  # seconds


def complete(deployment: Mapping[str, Any]) -> bool:
    """Whether the present template was once rolled out whole; later failures are not the template's.

    The condition alone does not tell: it stays what it was when an old ReplicaSet serves again. This is the rule of
    kube-controller-manager itself (syncRolloutStatus).
    """
    status = deployment.get("status") or {}
    nothing_else = status.get("replicas", 0) == status.get("updatedReplicas", 0)
    return _observed(deployment) and nothing_else and _progress(deployment) == "NewReplicaSetAvailable"


def behind(deployment: Mapping[str, Any]) -> bool:
    """Whether the status still tells of an earlier generation, so that nobody knows how the present one fares."""
    return "observedGeneration" in (deployment.get("status") or {}) and not _observed(deployment)


def healthy(deployment: Mapping[str, Any]) -> bool:
    """Whether the present template is rolled out and every replica is available."""
    wanted = deployment["spec"].get("replicas", 1)
    return complete(deployment) and int((deployment.get("status") or {}).get("availableReplicas", 0)) >= wanted


def failing(deployment: Mapping[str, Any], status: Status, template: str) -> bool:
    """Whether the rollout under way is one of ours, of a Deployment that was healthy before it.

    `template` is the fingerprint of the user's present template: when it is another than the one that was injected,
    the rollout is the user's.
    """
    ours = status.state == "Injected" and status.healthy and status.template == template
    return ours and _observed(deployment) and _progress(deployment) is not None and not complete(deployment)


def time_left(deployment: Mapping[str, Any], now: float, grace: float) -> float:
    """Seconds until a failing rollout is to be taken back; none once Kubernetes itself has given it up."""
    given_up = _progress(deployment) == "ProgressDeadlineExceeded"
    return 0 if given_up else max(0, applied_at(deployment["metadata"]) + grace - now)


def why(deployment: Mapping[str, Any]) -> str:
    """Say in one line how far a rollout came."""
    status = deployment.get("status") or {}
    ready = min(int(status.get("updatedReplicas", 0)), int(status.get("readyReplicas", 0)))
    wanted = deployment["spec"].get("replicas", 1)
    stuck = [c["message"] for c in status.get("conditions") or () if c["type"] == "Progressing" and "message" in c]
    unavailable = int(status.get("unavailableReplicas", 0))
    return f"{unavailable} unavailable, {ready} of {wanted} ready; {stuck[0] if stuck else 'no progress'}"


def ends(deployment: Mapping[str, Any], status: Status | None, grace: float) -> float:
    """Return when a rollout that the operator started gives its place back at the latest (epoch); 0 if it has none."""
    return 0 if status is None or complete(deployment) else applied_at(deployment["metadata"]) + grace


def pause_before(attempt: int) -> float:
    """Seconds to wait before the same injection is applied for the `attempt`th time in a row, from 1."""
    return 0 if attempt <= 2 else float(min(FIRST_WAIT * 2 ** (attempt - 3), LONGEST_WAIT))


def _observed(deployment: Mapping[str, Any]) -> bool:
    seen = (deployment.get("status") or {}).get("observedGeneration", 0)
    return int(seen) >= int(deployment["metadata"].get("generation", 0))


def _progress(deployment: Mapping[str, Any]) -> str | None:
    """Return the reason of the condition Progressing; None where Kubernetes keeps none (no progress deadline)."""
    conditions = (deployment.get("status") or {}).get("conditions") or ()
    return next((c.get("reason") for c in conditions if c["type"] == "Progressing"), None)
