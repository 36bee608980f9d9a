"""One frozen view of a workload, made once per decision."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from spanloom_operator.injection.digests import fingerprint
from spanloom_operator.injection.handover import Handover, find_handover
from spanloom_operator.injection.ownership import Ownership, is_ours
from spanloom_operator.injection.pieces import (
    AGENT_INIT_CONTAINER,
    ENV,
    MOUNTS,
    Body,
    Piece,
    live_pieces,
    without_pieces,
)
from spanloom_operator.kinds import WorkloadKey
from spanloom_operator.names import AGENT, DEFAULT_CONTAINER_ANNOTATION, STATUS_ANNOTATION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spanloom_operator.kinds import Kind
    from spanloom_operator.rollouts import Rollout


@dataclass(frozen=True)
class Container:
    """A container of the pod template; `owned` are the pieces that are the operator's alone."""

    name: str
    is_init: bool
    env: tuple[Body, ...]
    env_from: tuple[Mapping[str, Any], ...]
    mounts: tuple[Body, ...]
    owned: frozenset[Piece]

    @property
    def user_env(self) -> tuple[Body, ...]:
        """The env entries without the operator's."""
        return tuple(entry for entry in self.env if Piece(ENV, self.name, entry["name"]) not in self.owned)

    @property
    def user_mounts(self) -> tuple[Body, ...]:
        """The volume mounts without the operator's."""
        return tuple(mount for mount in self.mounts if Piece(MOUNTS, self.name, mount["mountPath"]) not in self.owned)

    def env_from_names(self, kind: str) -> list[str]:
        """Return the names of the ConfigMaps (`configMapRef`) or Secrets (`secretRef`) of envFrom."""
        return [source[kind]["name"] for source in self.env_from if (source.get(kind) or {}).get("name")]


@dataclass(frozen=True)
class Workload:
    """What a decision reads of a workload.

    `live` are the pieces that are there, those of users included. In `handover`, what is taken or reclaimed changes
    hands before anything else is written. The agent's init container is not one of `init_containers`.
    """

    kind: Kind
    namespace: str
    name: str
    uid: str
    resource_version: str
    generation: int
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    template_labels: Mapping[str, str]
    template_annotations: Mapping[str, str]
    selector: Mapping[str, str]
    has_selector_expressions: bool
    containers: tuple[Container, ...]
    init_containers: tuple[Container, ...]
    is_paused: bool
    rollout: Rollout
    ownership: Ownership
    live: Mapping[Piece, Body] = field(default_factory=dict, repr=False)
    handover: Handover = field(default_factory=Handover)
    template: Mapping[str, Any] = field(default_factory=dict, repr=False)
    managed_fields: Sequence[Mapping[str, Any]] = field(default=(), repr=False)

    @classmethod
    def from_object(cls, kind: Kind, found: Mapping[str, Any], manager: str) -> Workload:
        """Read an object of this kind; `manager` is the operator's field manager."""
        metadata, spec, template_owner = found["metadata"], found["spec"], kind.template_owner(found)
        template = template_owner["template"]
        managed_fields = metadata.get("managedFields") or ()
        ownership = Ownership.from_managed_fields(managed_fields, manager, kind.pod_fields)
        pod, template_metadata = template["spec"], template.get("metadata") or {}
        live = live_pieces(pod)
        handover = find_handover(pod, live, ownership)
        selector = template_owner.get("selector") or {}
        return cls(
            kind=kind,
            namespace=metadata.get("namespace", ""),
            name=metadata["name"],
            uid=metadata.get("uid", ""),
            resource_version=metadata.get("resourceVersion", ""),
            generation=int(metadata.get("generation", 0)),
            labels=metadata.get("labels") or {},
            annotations=metadata.get("annotations") or {},
            template_labels=template_metadata.get("labels") or {},
            template_annotations=template_metadata.get("annotations") or {},
            selector=selector.get("matchLabels") or {},
            has_selector_expressions=bool(selector.get("matchExpressions")),
            containers=_containers(pod, handover.owned),
            init_containers=_init_containers(pod, handover.owned),
            is_paused=bool(spec.get("paused")),
            rollout=kind.rollout(found, _applied_at(managed_fields, manager)),
            ownership=ownership,
            live=live,
            handover=handover,
            template=template,
            managed_fields=managed_fields,
        )

    @property
    def key(self) -> WorkloadKey:
        """Namespace, name and kind."""
        return WorkloadKey(self.namespace, self.name, self.kind.name)

    @property
    def all_containers(self) -> tuple[Container, ...]:
        """Containers and init containers; their names are unique in a pod."""
        return (*self.containers, *self.init_containers)

    def is_init(self, container: str) -> bool:
        """Return whether a container is an init container."""
        return any(each.name == container for each in self.init_containers)

    @property
    def default_container(self) -> str | None:
        """The container that the annotation of the pod template names, if there is one of that name."""
        name = self.template_annotations.get(DEFAULT_CONTAINER_ANNOTATION)
        return name if name in {each.name for each in self.containers} else None

    @cached_property
    def applied(self) -> frozenset[Piece]:
        """The pieces in the operator's last apply that are there."""
        return self.ownership.applied & self.live.keys()

    @property
    def legacy_state(self) -> str | None:
        """The state in the status annotation of versions up to 0.1; None without one."""
        try:
            return str(json.loads(self.annotations[STATUS_ANNOTATION])["state"])
        except (KeyError, TypeError, ValueError):
            return None

    @property
    def has_legacy_status(self) -> bool:
        """True when the status annotation of versions up to 0.1 is there and no other manager applies it."""
        return STATUS_ANNOTATION in self.annotations and not self.ownership.status_appliers

    @cached_property
    def user_template_fingerprint(self) -> str:
        """Fingerprint of the pod template as it would be without the operator."""
        pod = without_pieces(self.template["spec"], self.handover.owned)
        return fingerprint([self.template.get("metadata"), pod])


def _applied_at(managed_fields: Sequence[Mapping[str, Any]], manager: str) -> str:
    """Return when the operator last changed something (RFC 3339), empty for never."""
    times = [str(entry.get("time") or "") for entry in managed_fields if is_ours(entry, manager)]
    return max(times, default="")


def _containers(pod: Mapping[str, Any], owned: frozenset[Piece]) -> tuple[Container, ...]:
    return tuple(_container(each, owned, is_init=False) for each in pod.get("containers") or ())


def _init_containers(pod: Mapping[str, Any], owned: frozenset[Piece]) -> tuple[Container, ...]:
    found = (_container(each, owned, is_init=True) for each in pod.get("initContainers") or ())
    return tuple(each for each in found if each.name != AGENT or AGENT_INIT_CONTAINER not in owned)


def _container(container: Mapping[str, Any], owned: frozenset[Piece], *, is_init: bool) -> Container:
    env, env_from, mounts = (tuple(container.get(key) or ()) for key in ("env", "envFrom", "volumeMounts"))
    return Container(container["name"], is_init, env, env_from, mounts, owned)
