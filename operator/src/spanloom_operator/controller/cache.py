"""What the watches have brought: workloads, profiles, and labels of namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanloom_operator.controller.work_queue import DELAYED, NOW
from spanloom_operator.injection.decision import profile_of_label
from spanloom_operator.kinds import KINDS
from spanloom_operator.kube.api import Key, Object, key_of, version_of
from spanloom_operator.names import INJECT_LABEL
from spanloom_operator.profiles.reader import profile_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spanloom_operator.controller.work_queue import WorkQueue
    from spanloom_operator.kinds import Kind, WorkloadKey


class Cache:
    """Newest known version of everything; what changes is enqueued. `home` is the operator's own namespace."""

    def __init__(self, home: str, queue: WorkQueue[WorkloadKey]) -> None:
        self._home, self._queue = home, queue
        # None: it has changed in a way that no watch shows; read it before deciding.
        self.workloads: dict[WorkloadKey, Object | None] = {}
        self.profiles: dict[Key, Object] = {}
        self.specs: dict[Key, dict[str, Any]] = {}
        self.namespaces: dict[str, str] = {}

    def count(self, kind: str) -> int:
        """Return how many workloads of a kind there are; also called by the thread that serves metrics."""
        return sum(key.kind == kind for key in list(self.workloads))

    def workload_changed(self, kind: Kind, change: str, workload: Object) -> bool:
        """Store a workload and return True when it is new.

        The end of a watch with a selector may only mean that the label was removed.
        """
        key = kind.key_of(workload)
        known = self.workloads.get(key)
        if change != "DELETED" and known is not None and version_of(workload) <= version_of(known):
            return False
        self.workloads[key] = None if change == "DELETED" else workload
        is_status_only = known is not None and change != "DELETED" and _content(known) == _content(workload)
        self._queue.add(key, DELAYED if is_status_only else NOW)
        return change != "DELETED"

    def workloads_listed(self, kind: Kind, namespace: str, items: Iterable[Object]) -> list[Object]:
        """Store all workloads of a list ("" for all namespaces), enqueue those it no longer has; return the new."""
        present = {kind.key_of(item): item for item in items}
        new = [item for item in present.values() if self.workload_changed(kind, "LISTED", item)]
        for key in self.workloads.keys() - present.keys():
            if key.kind == kind.name and namespace in {"", key.namespace}:
                self.read_again(key)
        return new

    def read_again(self, key: WorkloadKey) -> None:
        """Enqueue a workload that must be read before anything is decided about it."""
        self.workloads[key] = None
        self._queue.add(key)

    def namespace_changed(self, name: str, label: str | None) -> None:
        """Store a namespace's label; None when it has none, or is deleted."""
        if self.namespaces.get(name) == label:
            return
        self.namespaces.pop(name, None)
        if label:
            self.namespaces[name] = label
        self.enqueue_namespace(name)

    def enqueue_namespace(self, name: str) -> None:
        """Enqueue the workloads of a namespace."""
        self._queue.add_all(key for key in self.workloads if key.namespace == name)

    def profile_changed(self, change: str, profile: Object) -> bool:
        """Store an OtelProfile; return True, and enqueue its workloads, when its spec has changed."""
        key = key_of(profile)
        before, known = self.specs.get(key), self.profiles.pop(key, None)
        self.specs.pop(key, None)
        if change != "DELETED":
            newest = profile if known is None or version_of(profile) > version_of(known) else known
            self.profiles[key], self.specs[key] = newest, newest.get("spec") or {}
        if self.specs.get(key) == before:
            return False
        self._queue.add_all(other for other in self.workloads if key in self.profile_keys(other))
        return True

    def profile_keys(self, key: WorkloadKey) -> tuple[Key, ...]:
        """Return the profiles that a workload uses, or would use if they existed."""
        workload = self.workloads.get(key)
        name = self.requested_profile(key, workload) if workload else None
        return profile_keys(key.namespace, name, self._home) if name else ()

    def requested_profile(self, key: WorkloadKey, workload: Mapping[str, Any]) -> str | None:
        """Return the profile that the labels of a workload and of its namespace request, or None."""
        default = self.namespaces.get(key.namespace) if KINDS[key.kind].follows_namespace else None
        return profile_of_label((workload["metadata"].get("labels") or {}).get(INJECT_LABEL, default))


def _content(workload: Object) -> tuple[object, ...]:
    """Return what changes with everything but the status: a Deployment's generation counts annotations, too."""
    metadata = workload["metadata"]
    return metadata.get("generation"), metadata.get("labels")
