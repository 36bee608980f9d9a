"""Statuses of workloads, as the controllers of Kubernetes write them."""

from __future__ import annotations

from support.builders.deployments import Object, rolled_out, rolling_out


def rolled_out_status(found: Object) -> Object:
    """Return the status of an object, of any kind, whose rollout is complete."""
    generation = found["metadata"]["generation"]
    revisions = dict.fromkeys(("currentRevision", "updateRevision"), f"{found['metadata']['name']}-{generation}")
    pods = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 1)
    nodes = dict.fromkeys(("desiredNumberScheduled", "updatedNumberScheduled", "numberReady", "numberAvailable"), 1)
    observed = {"observedGeneration": generation}
    by_kind = {"StatefulSet": {**observed, **pods, **revisions}, "DaemonSet": {**observed, **nodes}, "CronJob": {}}
    return by_kind.get(found["kind"]) or ({} if found["kind"] == "CronJob" else rolled_out(generation))


def rolling_out_status(found: Object) -> Object:
    """Return the status of an object, of any kind, whose first new pod is not ready."""
    generation, complete = found["metadata"]["generation"], rolled_out_status(found)
    by_kind = {
        "Deployment": rolling_out(generation),
        "StatefulSet": {**complete, "readyReplicas": 0, "currentRevision": "before"},
        "DaemonSet": {**complete, "numberReady": 0, "numberAvailable": 0},
    }
    return by_kind.get(found["kind"], {})
