"""What is listed and watched, and what becomes of each change.

Workloads are watched by label, so that those without one cost nothing; only in a namespace that has the label itself
are all Deployments watched.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from spanloom_operator.controller.misplaced import MisplacedLabels
from spanloom_operator.kinds import DEPLOYMENT, KINDS
from spanloom_operator.kube import paths
from spanloom_operator.kube.api import items, key_of, version_of
from spanloom_operator.kube.list_watch import ListWatch
from spanloom_operator.names import INJECT_LABEL, STATUS_ANNOTATION

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from spanloom_operator.controller.cache import Cache
    from spanloom_operator.controller.events import EventRecorder
    from spanloom_operator.kinds import Kind
    from spanloom_operator.kube.api import Api, Key, Object
    from spanloom_operator.settings import Settings

    Handler = Callable[[str, Any], None]


class Watches:
    """Brings objects into the cache. `is_ours` decides by its metadata whether the operator owns fields of it."""

    def __init__(
        self, api: Api, settings: Settings, cache: Cache, events: EventRecorder, is_ours: Callable[[Object], bool]
    ) -> None:
        self._api, self._settings, self._cache, self._is_ours = api, settings, cache, is_ours
        self._misplaced = MisplacedLabels(api, cache, events)
        self.list_watches: dict[str, ListWatch] = {}
        self._group: asyncio.TaskGroup | None = None
        self._namespace_tasks: dict[str, asyncio.Task[None]] = {}
        self._profile_versions: dict[Key, int] = {}
        self._started: list[tuple[ListWatch, Handler, str]] = []

    # ---- the beginning
    async def load(self) -> None:
        """Learn all there is before anything is decided; then `start` watches from there.

        What lost its label while the operator was not running is found here too, by its metadata, a page at a time.
        """
        for profile in await self._list_profiles():
            self._cache.profile_changed("LISTED", profile)
        self._started = await self._load_namespaces()
        for scope in self._settings.scopes:
            for kind in KINDS.values():
                self._started.append(await self._load(self._workloads(kind, scope, INJECT_LABEL)))
                await self._find_leftovers(kind, scope)
        for namespace in list(self._cache.namespaces):
            await self._load(self._workloads(DEPLOYMENT, namespace, ""))

    def start(self, group: asyncio.TaskGroup) -> None:
        """Watch from where the lists ended, in tasks of `group`."""
        self._group = self._misplaced.group = group
        for list_watch, handle, version in self._started:
            group.create_task(follow(list_watch, handle, version))
        for scope in self._settings.scopes:
            for kind, path in self._misplaced.paths(scope):
                list_watch = self._list_watch("misplaced", path, INJECT_LABEL, metadata_only=True)
                group.create_task(follow(list_watch, partial(self._misplaced.changed, kind)))
        self._follow_namespaces()

    async def resync(self) -> None:
        """Read what no watch brings: labels of namespaces without a ClusterRole, and versions of profiles."""
        self._profile_versions = {key_of(item): version_of(item) for item in await self._list_profiles()}
        await self._read_namespaces()

    def stale_watches(self, now: float) -> list[str]:
        """Return the watches without contact for too long at `now` (monotonic seconds)."""
        limit = self._settings.stale
        stale = [name for name, each in self.list_watches.items() if now - each.last_contact > limit]
        known = self._cache.profiles
        missed = [key for key, seen in self._profile_versions.items() if key in known and version_of(known[key]) < seen]
        return stale + (["otelprofiles"] if missed else [])

    def oldest_contact_seconds(self, now: float) -> float:
        """Return the time since the last contact of the watch that waits longest; 0 without watches.

        Also called by the thread that serves metrics.
        """
        return max((now - each.last_contact for each in list(self.list_watches.values())), default=0.0)

    # ---- lists
    async def _load(self, what: tuple[ListWatch, Handler]) -> tuple[ListWatch, Handler, str]:
        list_watch, handle = what
        found, version = await list_watch.list()
        handle("LISTED", found)
        return list_watch, handle, version

    def _list_watch(self, name: str, path: str, selector: str, *, metadata_only: bool = False) -> ListWatch:
        list_watch = ListWatch(self._api, path, selector, metadata_only)
        return self.list_watches.setdefault(f"{name} {path}", list_watch)

    def _workloads(self, kind: Kind, namespace: str, selector: str) -> tuple[ListWatch, Handler]:
        name = "labelled" if selector else "all"
        list_watch = self._list_watch(name, paths.workloads(kind, namespace), selector)
        return list_watch, partial(self._workloads_changed, kind, namespace)

    async def _list_profiles(self) -> list[Object]:
        scopes = {*self._settings.namespaces, self._settings.namespace} if self._settings.namespaces else {""}
        return [item for scope in sorted(scopes) async for item in items(self._api, paths.profiles(scope))]

    async def _load_namespaces(self) -> list[tuple[ListWatch, Handler, str]]:
        if self._settings.namespaces:
            await self._read_namespaces()
            return []
        list_watch = self._list_watch("labelled", paths.NAMESPACES, INJECT_LABEL)
        return [await self._load((list_watch, self._namespaces_changed))]

    async def _read_namespaces(self) -> None:
        """Read the labels of the namespaces that are ours: without a ClusterRole they cannot be watched."""
        for name in self._settings.namespaces:
            if namespace := await self._api.get(f"{paths.NAMESPACES}/{name}"):
                self._namespaces_changed("MODIFIED", namespace)

    async def _find_leftovers(self, kind: Kind, scope: str) -> None:
        async for item in items(self._api, paths.workloads(kind, scope), metadata_only=True):
            if kind.key_of(item) not in self._cache.workloads and self._is_leftover(item["metadata"]):
                self._cache.read_again(kind.key_of(item))

    def _is_leftover(self, metadata: Mapping[str, Any]) -> bool:
        """Return whether a workload is the operator's in part, although no label of its own requests it."""
        return STATUS_ANNOTATION in (metadata.get("annotations") or {}) or self._is_ours(dict(metadata))

    # ---- changes
    def _workloads_changed(self, kind: Kind, namespace: str, change: str, found: Any) -> None:
        if change == "LISTED":
            self._cache.workloads_listed(kind, namespace, found)
        elif change == "PAGE":
            for item in found:
                self._cache.workload_changed(kind, "LISTED", item)
        else:
            self._cache.workload_changed(kind, change, found)

    def _namespaces_changed(self, change: str, found: Any) -> None:
        if change == "PAGE":
            return  # only the whole list shows which are deleted
        listed = found if change == "LISTED" else [found]
        labels = {item["metadata"]["name"]: (item["metadata"].get("labels") or {}).get(INJECT_LABEL) for item in listed}
        gone = self._cache.namespaces.keys() - labels if change == "LISTED" else ()
        for name, label in {**labels, **dict.fromkeys(gone)}.items():
            self._cache.namespace_changed(name, None if change == "DELETED" else label)
        self._follow_namespaces()

    def _follow_namespaces(self) -> None:
        """Watch all Deployments of the namespaces that have the label, and of no others."""
        if self._group is None:
            return
        labelled = set(self._cache.namespaces)
        for namespace in self._namespace_tasks.keys() - labelled:
            self._namespace_tasks.pop(namespace).cancel()
            self.list_watches.pop(f"all {paths.workloads(DEPLOYMENT, namespace)}", None)
        for namespace in labelled - self._namespace_tasks.keys():
            task = follow(*self._workloads(DEPLOYMENT, namespace, ""))
            self._namespace_tasks[namespace] = self._group.create_task(task)


async def follow(list_watch: ListWatch, handle: Handler, version: str = "") -> None:
    """Hand every change to `handle`, for ever."""
    async for change, found in list_watch.changes(version):
        handle(change, found)
