"""Workloads of any kind as Deployments: with the pod template where a Deployment has it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from spanloom_operator.kinds import DEPLOYMENT, KINDS

Object = dict[str, Any]


def as_deployment(thing: Object) -> Object:
    """Return a view of an object with metadata and pod template alone: a change of it changes the object."""
    template = thing
    for step in KINDS.get(thing.get("kind", ""), DEPLOYMENT).template:
        template = template.get(step, {})
    return {"metadata": thing.get("metadata", {}), "spec": {"template": template}}


def fields_as_deployment(entries: list[Object], kind: str) -> list[Object]:
    """Return the managedFields of a workload as those of a Deployment."""
    return [_moved(entry, kind, DEPLOYMENT.name) for entry in entries]


def fields_of_kind(entries: list[Object], kind: str) -> list[Object]:
    """Return the managedFields of a Deployment as those of a workload of another kind."""
    moved = [_moved(entry, DEPLOYMENT.name, kind) for entry in entries]
    return [{**entry, "apiVersion": KINDS[kind].api_version} for entry in moved]


def _moved(entry: Object, source: str, target: str) -> Object:
    fields = deepcopy(entry["fieldsV1"])
    found = fields.pop("f:spec", None)
    for step in KINDS[source].pod_fields[1:-1]:
        found = (found or {}).get(step)
    for step in reversed(KINDS[target].pod_fields[1:-1]):
        found = found and {step: found}
    return {**entry, "fieldsV1": {**fields, "f:spec": found} if found else fields}
