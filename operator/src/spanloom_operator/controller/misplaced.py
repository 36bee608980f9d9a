"""Labels where they have no effect: on the pod template of a workload, on a Job, on a Pod. An Event says so."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from spanloom_operator.injection.decision import profile_of_label
from spanloom_operator.kinds import KINDS, UNCHANGEABLE, Kind, WorkloadKey
from spanloom_operator.kube import paths
from spanloom_operator.kube.api import ApiError
from spanloom_operator.names import INJECT_LABEL

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from spanloom_operator.controller.cache import Cache
    from spanloom_operator.controller.events import EventRecorder
    from spanloom_operator.kube.api import Api, Object

REPLICASET = "ReplicaSet"
log = logging.getLogger(__name__)


class MisplacedLabels:
    """Reports labelled ReplicaSets, Jobs and Pods, by their metadata: those of a workload have it from its template."""

    def __init__(self, api: Api, cache: Cache, events: EventRecorder) -> None:
        self._api, self._cache, self._events = api, cache, events
        self._looked_at: set[str] = set()
        self.group: asyncio.TaskGroup | None = None

    @staticmethod
    def paths(scope: str) -> list[tuple[str, str]]:
        """Return kind and path of what to watch."""
        unchangeable = [(kind.name, paths.unchangeable(kind, scope)) for kind in UNCHANGEABLE.values()]
        return [(REPLICASET, paths.replicasets(scope)), *unchangeable]

    def changed(self, kind: str, change: str, found: Any) -> None:
        """Take a change of the labelled objects of a kind."""
        if change == "DELETED":
            self._events.forget(found["metadata"]["uid"])
        elif change != "PAGE":
            for item in found if change == "LISTED" else [found]:
                self._look(kind, item["metadata"])

    def _look(self, kind: str, metadata: Mapping[str, Any]) -> None:
        owner = next((each for each in metadata.get("ownerReferences") or () if each.get("controller")), None)
        if owner is None and kind in UNCHANGEABLE:
            self._report_unchangeable(kind, metadata)
        elif owner is not None and owner["kind"] in KINDS and self.group is not None and self._is_new(kind, owner):
            key = WorkloadKey(metadata["namespace"], owner["name"], owner["kind"])
            self.group.create_task(self.report_template(key))

    def _is_new(self, kind: str, owner: Mapping[str, Any]) -> bool:
        """Return whether to look at an owner: of many Jobs or Pods once, for each ReplicaSet again."""
        is_new = kind == REPLICASET or owner["uid"] not in self._looked_at
        self._looked_at.add(owner["uid"])
        return is_new

    def _report_unchangeable(self, kind: str, metadata: Mapping[str, Any]) -> None:
        if profile_of_label(metadata["labels"].get(INJECT_LABEL)):
            message = f"the label {INJECT_LABEL} has no effect: {UNCHANGEABLE[kind].remedy}"
            self._events.record(kind, metadata, "NotChangeable", message)

    async def report_template(self, key: WorkloadKey) -> None:
        """Emit an Event when a workload has the label on its pod template only, where it has no effect."""
        found = self._cache.workloads.get(key) or await self._get(paths.workload(key))
        if not found or self._cache.requested_profile(key, found):
            return
        if label := _template_label(KINDS[key.kind], found):
            command = f"kubectl label {key.kind.lower()} {key.name} -n {key.namespace} {INJECT_LABEL}={label}"
            message = f"the label {INJECT_LABEL} on the pod template has no effect; put it on the {key.kind}: {command}"
            self._events.record(key.kind, found["metadata"], "Misplaced", message)

    async def _get(self, path: str) -> Object | None:
        try:
            return await self._api.get(path)
        except ApiError as error:
            log.warning("%s: %s", path, error)
            return None


def _template_label(kind: Kind, found: Mapping[str, Any]) -> str | None:
    """Return the label on the pod template, or on the template of a Job."""
    labels: dict[str, str] = {}
    for step in kind.template:
        found = found[step]
        labels |= (found.get("metadata") or {}).get("labels") or {}
    return labels.get(INJECT_LABEL)
