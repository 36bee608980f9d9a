"""The body of one server-side apply: exactly the fields that the operator owns.

Applying it again changes nothing; applying it without an entry removes that entry; what others own is never in
it, so nothing has to be forced. It carries the resourceVersion it was decided on: the API server refuses it (409) when
the workload has changed since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanloom_operator.injection.digests import normalized
from spanloom_operator.names import STATUS_ANNOTATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanloom_operator.injection.environment import Injection
    from spanloom_operator.injection.workload import EnvEntry, Workload


def body(workload: Workload, injection: Injection) -> dict[str, Any]:
    """Return what to apply. The uid keeps it from reaching a later workload of the same name."""
    kind, metadata = workload.kind, _identity(workload)
    applied: dict[str, Any] = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata}
    pod = {
        key: [{"name": each.name, "env": injection.env(each.name)} for each in containers if injection.env(each.name)]
        for key, containers in (("containers", workload.containers), ("initContainers", workload.init_containers))
    }
    if any(pod.values()):
        applied |= kind.with_pod({key: listed for key, listed in pod.items() if listed})
    return applied


def managed_fields_patch(workload: Workload, fields: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a merge patch that changes owners, and removes the status annotation of versions up to 0.1."""
    metadata: dict[str, Any] = {"resourceVersion": workload.resource_version, "managedFields": fields}
    if workload.has_legacy_status:
        metadata["annotations"] = {STATUS_ANNOTATION: None}
    return {"metadata": metadata}


def changes_template(workload: Workload, injection: Injection) -> bool:
    """Return whether applying `injection` would change the pod template or its ownership."""
    expected = {name: injection.env(name) for name in injection.containers}
    names = {name: frozenset(entry["name"] for entry in env) for name, env in expected.items()}
    containers = {each.name: each for each in workload.all_containers}
    return workload.applied != names or any(not _has(containers[name].env, env) for name, env in expected.items())


def _has(live: Sequence[EnvEntry], expected: Sequence[EnvEntry]) -> bool:
    found = {entry["name"]: entry for entry in live}
    return all(
        entry["name"] in found
        and (found[entry["name"]] == entry or normalized(found[entry["name"]]) == normalized(entry))
        for entry in expected
    )


def _identity(workload: Workload) -> dict[str, str]:
    identity = {"name": workload.name, "namespace": workload.namespace, "uid": workload.uid}
    return {**identity, "resourceVersion": workload.resource_version}
