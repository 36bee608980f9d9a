"""The kinds of workloads that the operator injects into: one row each, and the identity of one workload."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from spanloom_operator.rollouts import (
    Rollout,
    cronjob_rollout,
    daemonset_rollout,
    deployment_rollout,
    statefulset_rollout,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_NAME_LENGTH = 253
"""The API server refuses longer names of objects."""


class WorkloadKey(NamedTuple):
    """Namespace, name and kind of a workload: those of different kinds may have the same name."""

    namespace: str
    name: str
    kind: str

    @property
    def title(self) -> str:
        """Namespace and name as one text."""
        return f"{self.namespace}/{self.name}"

    @property
    def injection_name(self) -> str:
        """Name of its OtelInjection: a Deployment's own, else with the kind in front, `statefulset.shop`.

        No two workloads of a namespace have the same: a Deployment whose name begins so gets its kind in front, too.
        """
        prefixes = tuple(f"{kind.lower()}." for kind in KINDS)
        is_plain = self.kind == DEPLOYMENT.name and not self.name.startswith(prefixes)
        return self.name if is_plain else _shortened(f"{self.kind.lower()}.{self.name}")


@dataclass(frozen=True)
class Kind:
    """One kind of workload.

    `short_name` is kubectl's. `rollout` reads how far a rollout is from an object, and the time of the operator's last
    change of it (RFC 3339, empty for none). `template` is the path of its pod template in the object.
    `follows_namespace`: the label of a namespace requests injection for those without a label of their own.
    """

    name: str
    api_version: str
    plural: str
    short_name: str
    rollout: Callable[[Mapping[str, Any], str], Rollout]
    template: tuple[str, ...] = ("spec", "template")
    follows_namespace: bool = False

    @property
    def resource(self) -> str:
        """Plural and API group, as kubectl takes them: `deployments.apps`."""
        return f"{self.plural}.{self.api_version.partition('/')[0]}"

    @property
    def attribute(self) -> str:
        """Resource attribute with the workload's name (OpenTelemetry semantic conventions, Kubernetes)."""
        return f"k8s.{self.name.lower()}.name"

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


DEPLOYMENT = Kind("Deployment", "apps/v1", "deployments", "deploy", deployment_rollout, follows_namespace=True)
STATEFULSET = Kind("StatefulSet", "apps/v1", "statefulsets", "sts", statefulset_rollout)
DAEMONSET = Kind("DaemonSet", "apps/v1", "daemonsets", "ds", daemonset_rollout)
CRONJOB = Kind("CronJob", "batch/v1", "cronjobs", "cj", cronjob_rollout, ("spec", "jobTemplate", "spec", "template"))
KINDS = {kind.name: kind for kind in (DEPLOYMENT, STATEFULSET, DAEMONSET, CRONJOB)}
"""Every kind, by its name."""


@dataclass(frozen=True)
class Unchangeable:
    """A kind whose containers Kubernetes does not allow to change; `remedy` says what to label instead."""

    name: str
    api_version: str
    plural: str
    remedy: str


JOB = Unchangeable(
    "Job", "batch/v1", "jobs", "the pod template of a Job cannot be changed; label the CronJob that creates it"
)
POD = Unchangeable(
    "Pod", "v1", "pods", "the containers of a Pod cannot be changed; label the workload that creates it, or make it one"
)
UNCHANGEABLE = {kind.name: kind for kind in (JOB, POD)}
"""Every such kind, by its name."""


def _shortened(name: str) -> str:
    if len(name) <= MAX_NAME_LENGTH:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: MAX_NAME_LENGTH - len(digest) - 1].rstrip('-.')}-{digest}"
