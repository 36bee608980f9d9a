"""The kinds of workloads that the operator injects into: one row each, and the identity of one workload."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class WorkloadKey(NamedTuple):
    """Namespace, name and kind of a workload: those of different kinds may have the same name."""

    namespace: str
    name: str
    kind: str

    @property
    def title(self) -> str:
        """Namespace and name as one text."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Kind:
    """One kind of workload. `template` is the path of its pod template in the object."""

    name: str
    api_version: str
    plural: str
    template: tuple[str, ...] = ("spec", "template")

    @property
    def pod_fields(self) -> tuple[str, ...]:
        """Path of the pod's spec in the `fieldsV1` of managedFields."""
        return tuple(f"f:{step}" for step in (*self.template, "spec"))

    def template_owner(self, thing: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the part of an object that has the pod template, and its selector where there is one."""
        for step in self.template[:-1]:
            thing = thing[step]
        return thing

    def with_pod(self, pod: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body of an object of which only these fields of the pod's spec are set."""
        body: dict[str, Any] = {"spec": pod}
        for step in reversed(self.template):
            body = {step: body}
        return body

    def key_of(self, thing: Mapping[str, Any]) -> WorkloadKey:
        """Return the key of an object of this kind."""
        return WorkloadKey(thing["metadata"]["namespace"], thing["metadata"]["name"], self.name)


DEPLOYMENT = Kind("Deployment", "apps/v1", "deployments")
KINDS = {kind.name: kind for kind in (DEPLOYMENT,)}
"""Every kind, by its name."""
