"""What the watches have brought: Deployments, profiles, and labels of namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanloom_operator.controller.work_queue import DELAYED, NOW
from spanloom_operator.injection.decision import profile_of_label
from spanloom_operator.kube.api import Key, Object, key_of, version_of
from spanloom_operator.names import INJECT_LABEL
from spanloom_operator.profiles.reader import profile_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spanloom_operator.controller.work_queue import WorkQueue


class Cache:
    """Newest known version of everything; what changes is enqueued. `home` is the operator's own namespace."""

    def __init__(self, home: str, queue: WorkQueue[Key]) -> None:
        self._home, self._queue = home, queue
        # None: it has changed in a way that no watch shows; read it before deciding.
        self.deployments: dict[Key, Object | None] = {}
        self.profiles: dict[Key, Object] = {}
        self.specs: dict[Key, dict[str, Any]] = {}
        self.namespaces: dict[str, str] = {}

    def deployment_changed(self, change: str, deployment: Object) -> bool:
        """Store a Deployment and return True when it is new.

        The end of a watch with a selector may only mean that the label was removed.
        """
        key = key_of(deployment)
        known = self.deployments.get(key)
        if change != "DELETED" and known is not None and version_of(deployment) <= version_of(known):
            return False
        self.deployments[key] = None if change == "DELETED" else deployment
        is_status_only = known is not None and change != "DELETED" and _content(known) == _content(deployment)
        self._queue.add(key, DELAYED if is_status_only else NOW)
        return change != "DELETED"

    def deployments_listed(self, namespace: str, items: Iterable[Object]) -> list[Object]:
        """Store all Deployments of a list ("" for all namespaces), enqueue those it no longer has; return the new."""
        present = {key_of(item): item for item in items}
        new = [item for item in present.values() if self.deployment_changed("LISTED", item)]
        for key in self.deployments.keys() - present.keys():
            if namespace in {"", key[0]}:
                self.read_again(key)
        return new

    def read_again(self, key: Key) -> None:
        """Enqueue a Deployment that must be read before anything is decided about it."""
        self.deployments[key] = None
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
        """Enqueue the Deployments of a namespace."""
        self._queue.add_all(key for key in self.deployments if key[0] == name)

    def profile_changed(self, change: str, profile: Object) -> bool:
        """Store an OtelProfile; return True, and enqueue its Deployments, when its spec has changed."""
        key = key_of(profile)
        before, known = self.specs.get(key), self.profiles.pop(key, None)
        self.specs.pop(key, None)
        if change != "DELETED":
            newest = profile if known is None or version_of(profile) > version_of(known) else known
            self.profiles[key], self.specs[key] = newest, newest.get("spec") or {}
        if self.specs.get(key) == before:
            return False
        self._queue.add_all(other for other in self.deployments if key in self.profile_keys(other))
        return True

    def profile_keys(self, key: Key) -> tuple[Key, ...]:
        """Return the profiles that a Deployment uses, or would use if they existed."""
        deployment = self.deployments.get(key)
        name = self.requested_profile(deployment) if deployment else None
        return profile_keys(key[0], name, self._home) if name else ()

    def requested_profile(self, deployment: Mapping[str, Any]) -> str | None:
        """Return the profile that the labels of a Deployment and of its namespace request, or None."""
        metadata = deployment["metadata"]
        default = self.namespaces.get(metadata["namespace"])
        return profile_of_label((metadata.get("labels") or {}).get(INJECT_LABEL, default))


def _content(deployment: Object) -> tuple[object, ...]:
    """Return what changes with everything but the status: a Deployment's generation counts annotations, too."""
    metadata = deployment["metadata"]
    return metadata.get("generation"), metadata.get("labels")
