"""One frozen view of a workload, made once per decision."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from spanloom_operator.injection.digests import fingerprint, marked
from spanloom_operator.injection.ownership import Entry, Ownership, is_ours
from spanloom_operator.kinds import WorkloadKey
from spanloom_operator.names import DEFAULT_CONTAINER_ANNOTATION, MARKER, STATUS_ANNOTATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from spanloom_operator.kinds import Kind
    from spanloom_operator.rollouts import Rollout

EnvEntry = dict[str, Any]
"""An environment variable as Kubernetes writes it."""


@dataclass(frozen=True)
class Container:
    """A container of the pod template; `owned` are the names of env entries that are the operator's alone."""

    name: str
    is_init: bool
    env: tuple[EnvEntry, ...]
    env_from: tuple[Mapping[str, Any], ...]
    owned: frozenset[str]

    @property
    def user_env(self) -> tuple[EnvEntry, ...]:
        """The env entries without the operator's."""
        return tuple(entry for entry in self.env if entry["name"] not in self.owned)

    def env_from_names(self, kind: str) -> list[str]:
        """Return the names of the ConfigMaps (`configMapRef`) or Secrets (`secretRef`) of envFrom."""
        return [source[kind]["name"] for source in self.env_from if (source.get(kind) or {}).get("name")]


@dataclass(frozen=True)
class Workload:
    """What a decision reads of a workload.

    `taken` are entries of the operator whose value a user has changed; `reclaimed` are entries that the marker
    recognizes in a copied template. Both change hands before anything else is written.
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
    taken: frozenset[Entry] = frozenset()
    reclaimed: frozenset[Entry] = frozenset()
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
        listed = [(each, False) for each in pod.get("containers") or ()]
        listed += [(each, True) for each in pod.get("initContainers") or ()]
        reclaimed = frozenset(where for each, _ in listed for where in _reclaimed(each, ownership))
        containers = [_container(each, ownership, reclaimed, is_init=is_init) for each, is_init in listed]
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
            containers=tuple(each for each in containers if not each.is_init),
            init_containers=tuple(each for each in containers if each.is_init),
            is_paused=bool(spec.get("paused")),
            rollout=kind.rollout(found, _applied_at(managed_fields, manager)),
            ownership=ownership,
            taken=frozenset(
                where for where in ownership.shares if where not in reclaimed and ownership.is_taken(*where)
            ),
            reclaimed=reclaimed,
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

    @property
    def default_container(self) -> str | None:
        """The container that the annotation of the pod template names, if there is one of that name."""
        name = self.template_annotations.get(DEFAULT_CONTAINER_ANNOTATION)
        return name if name in {each.name for each in self.containers} else None

    @cached_property
    def applied(self) -> dict[str, frozenset[str]]:
        """Names of the env entries in the operator's last apply, by container."""
        applied = {each.name: self.ownership.applied(each.name) for each in self.all_containers}
        return {name: names for name, names in applied.items() if names}

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
        pod = {
            key: value for key, value in self.template["spec"].items() if key not in {"containers", "initContainers"}
        }
        owned = {each.name: each.owned for each in self.all_containers}
        for kind in ("containers", "initContainers"):
            pod[kind] = [_without(each, owned[each["name"]]) for each in self.template["spec"].get(kind) or ()]
        return fingerprint([self.template.get("metadata"), pod])


def _applied_at(managed_fields: Sequence[Mapping[str, Any]], manager: str) -> str:
    """Return when the operator last changed something (RFC 3339), empty for never."""
    times = [str(entry.get("time") or "") for entry in managed_fields if is_ours(entry, manager)]
    return max(times, default="")


def _reclaimed(container: Mapping[str, Any], ownership: Ownership) -> Iterable[Entry]:
    name, env = container["name"], container.get("env") or ()
    if not ownership.was_copied(name, MARKER):
        return ()
    return [(name, each) for each in marked(env) if ownership.was_copied(name, each)]


def _container(
    container: Mapping[str, Any], ownership: Ownership, reclaimed: frozenset[Entry], *, is_init: bool
) -> Container:
    name, env = container["name"], tuple(container.get("env") or ())
    owned = frozenset(
        entry["name"] for entry in env if (name, entry["name"]) in reclaimed or ownership.is_alone(name, entry["name"])
    )
    return Container(name, is_init, env, tuple(container.get("envFrom") or ()), owned)


def _without(container: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    env = [entry for entry in container.get("env") or () if entry["name"] not in names]
    rest = {key: value for key, value in container.items() if key != "env"}
    return {**rest, "env": env} if env else rest
