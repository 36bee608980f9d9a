"""Builders of the operator's objects: Deployments, workloads of other kinds, and OtelProfiles."""

from __future__ import annotations

from typing import Any

from spanloom_operator.injection.workload import Workload
from spanloom_operator.kinds import CRONJOB, KINDS, Kind

Object = dict[str, Any]

MANAGER = "spanloom-operator/home/operator"
"""Field manager of the operator in the namespace home."""
EXPORTER = {"endpoint": "http://otel-collector.observability:4318", "protocol": "http/protobuf"}


AGENT_IMAGE = "spanloom-agent:0.1.0"


def env(**values: str) -> list[Object]:
    """Return literal env entries."""
    return [{"name": name, "value": value} for name, value in values.items()]


def container(name: str = "app", image: str = "shop:1.2", **fields: Any) -> Object:
    """Return a container."""
    return {"name": name, "image": image, **fields}


def deployment(
    *containers: Object,
    name: str = "shop",
    namespace: str = "demo",
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    template_labels: dict[str, str] | None = None,
    template_annotations: dict[str, str] | None = None,
    pod: Object | None = None,
    **spec: Any,
) -> Object:
    """Return a healthy Deployment, by default with one container; `pod` are more fields of its pods' spec."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{namespace}-{name}",
            "generation": 1,
            "resourceVersion": "1",
            "labels": labels or {},
            "annotations": annotations or {},
        },
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            **spec,
            "template": {
                "metadata": {
                    "labels": {"app": name, **(template_labels or {})},
                    "annotations": template_annotations or {},
                },
                "spec": {"containers": list(containers) or [container()], **(pod or {})},
            },
        },
        "status": rolled_out(1),
    }


def of_kind(kind: Kind, its: Object) -> Object:
    """Return a Deployment as a workload of another kind, with the same metadata and pod template, and no status."""
    if kind.name == its["kind"]:
        return its
    template = {"template": its["spec"]["template"]}
    spec = {key: value for key, value in its["spec"].items() if key == "selector"} | template
    if kind is CRONJOB:
        pod = {"restartPolicy": "OnFailure", **template["template"]["spec"]}
        template = {"template": {**template["template"], "spec": pod}}
        spec = {"schedule": "0 0 * * *", "jobTemplate": {"spec": template}}
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": its["metadata"], "spec": spec}


def rolled_out(generation: int, replicas: int = 1) -> Object:
    """Return the status of a Deployment whose rollout is complete."""
    progress = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
    ready = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), replicas)
    return {"observedGeneration": generation, **ready, "conditions": [progress]}


def rolling_out(generation: int, reason: str = "ReplicaSetUpdated") -> Object:
    """Return the status of a Deployment whose new pods are not ready."""
    progress = {"type": "Progressing", "status": "True", "reason": reason, "message": "has timed out progressing"}
    ready = {"replicas": 2, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1, "unavailableReplicas": 1}
    return {"observedGeneration": generation, **ready, "conditions": [progress]}


def profile(name: str = "default", namespace: str = "demo", **spec: Any) -> Object:
    """Return an OtelProfile, by default with an exporter."""
    return {
        "apiVersion": "spanloom.dev/v1alpha1",
        "kind": "OtelProfile",
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", "resourceVersion": "1"},
        "spec": spec or {"exporter": EXPORTER},
    }


def workload_of(its: Object, manager: str = MANAGER) -> Workload:
    """Return the operator's view of an object, by its kind."""
    return Workload.from_object(KINDS[its["kind"]], its, manager)
