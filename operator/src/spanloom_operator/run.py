"""The operator at work: what it watches, what works on it, and what it reports, as tasks that live and die together."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from spanloom_operator import paths
from spanloom_operator.api import ApiError
from spanloom_operator.apply import withdrawal
from spanloom_operator.decide import LABEL, wanted
from spanloom_operator.ownership import handover, owns_anything
from spanloom_operator.reconcile import Key, Reconciler, is_leftover, key_of, version
from spanloom_operator.seen import READY
from spanloom_operator.watch import Source

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from spanloom_operator.api import Api, Object
    from spanloom_operator.settings import Settings

    Take = Callable[[str, Any], None]

REPORT = 2  # seconds within which changes of a profile's counts are written together
log = logging.getLogger(__name__)


class Operator:
    """Everything between kopf, which starts and probes it, and the Reconciler, which decides.

    Deployments are watched by label, so that those without one cost nothing; only in a namespace that has the label
    itself are all of them watched.
    """

    def __init__(self, api: Api, settings: Settings, now: Callable[[], float] = time.time) -> None:
        self.api, self.settings = api, settings
        self.reconciler = Reconciler(api, settings, now)
        self.scopes = settings.namespaces or ("",)
        self.sources: dict[str, Source] = {}
        self._group: asyncio.TaskGroup | None = None
        self._by_namespace: dict[str, asyncio.Task[None]] = {}
        self._profiles_before: dict[Key, int] = {}

    async def load(self) -> list[tuple[Source, Take, str]]:
        """Learn all there is before anything is decided; return what to watch, how, and from which version.

        What lost its label while nobody looked is found here too: one list of metadata, a page at a time.
        """
        for profile in await self._list_profiles():
            self.reconciler.profile_changed("LISTED", profile)
        sources = await self._load_namespaces()
        for scope in self.scopes:
            sources.append(await self._load(self._deployments(scope, LABEL)))
            await self._find_leftovers(scope)
        for namespace in self.reconciler.namespaces:
            await self._load(self._deployments(namespace, ""))
        return sources

    async def run(self) -> None:
        """Work until cancelled; an error that nobody expected ends all of it."""
        sources = await self.load()
        async with asyncio.TaskGroup() as self._group:
            for source, take, start in sources:
                self._group.create_task(follow(source, take, start))
            for scope in self.scopes:
                source = self._source("misplaced", paths.replicasets(scope), LABEL)
                self._group.create_task(follow(source, self._replicasets_changed))
            for _ in range(2 * self.settings.connections):  # while one decides, another's request is on its way
                self._group.create_task(self.reconciler.queue.work(self.reconciler.reconcile))
            for job in (self._post_events(), self._report(), self._resync()):
                self._group.create_task(job)
            self._follow_namespaces()
            READY.set(1)

    def silent(self, now: float) -> list[str]:
        """Return what was not heard of for too long at `now` (monotonic seconds)."""
        old = [name for name, source in self.sources.items() if now - source.heard > self.settings.stale]
        known = self.reconciler.profiles
        missed = [key for key, seen in self._profiles_before.items() if key in known and version(known[key]) < seen]
        return old + (["otelprofiles"] if missed else [])

    # ---- what is watched
    def _source(self, name: str, path: str, selector: str) -> Source:
        return self.sources.setdefault(f"{name} {path}", Source(self.api, path, selector))

    def _deployments(self, namespace: str, selector: str) -> tuple[Source, Take]:
        name = "labelled" if selector else "all"
        source = self._source(name, paths.deployments(namespace), selector)
        return source, partial(self._deployments_changed, namespace)

    async def _load(self, what: tuple[Source, Take]) -> tuple[Source, Take, str]:
        source, take = what
        items, start = await source.list()
        take("LISTED", items)
        return source, take, start

    async def _list_profiles(self) -> list[Object]:
        scopes = {*self.settings.namespaces, self.settings.namespace} if self.settings.namespaces else {""}
        return [item for scope in sorted(scopes) async for item in self._items(paths.profiles(scope))]

    async def _items(self, path: str, *, metadata_only: bool = False) -> AsyncIterator[Object]:
        async for page in self.api.pages(path, metadata_only=metadata_only):
            for item in page["items"]:
                yield item

    async def _load_namespaces(self) -> list[tuple[Source, Take, str]]:
        if self.settings.namespaces:
            await self._read_namespaces()
            return []
        return [await self._load((self._source("labelled", paths.NAMESPACES, LABEL), self._namespaces_changed))]

    async def _read_namespaces(self) -> None:
        """Read the labels of the namespaces that are ours: without a ClusterRole they cannot be watched."""
        for name in self.settings.namespaces:
            if namespace := await self.api.get(f"{paths.NAMESPACES}/{name}"):
                self._namespaces_changed("MODIFIED", namespace)

    async def _find_leftovers(self, scope: str) -> None:
        async for item in self._items(paths.deployments(scope), metadata_only=True):
            if is_leftover(item["metadata"]) and key_of(item) not in self.reconciler.deployments:
                self.reconciler.look_at(key_of(item))

    # ---- what watches bring
    def _deployments_changed(self, namespace: str, change: str, found: Any) -> None:
        if change == "LISTED":
            self.reconciler.deployments_listed(namespace, found)
        elif change == "PAGE":
            for item in found:
                self.reconciler.deployment_changed("LISTED", item)
        else:
            self.reconciler.deployment_changed(change, found)

    def _namespaces_changed(self, change: str, found: Any) -> None:
        if change == "PAGE":
            return  # only all of them together tell which are gone
        items = found if change == "LISTED" else [found]
        labels = {item["metadata"]["name"]: (item["metadata"].get("labels") or {}).get(LABEL) for item in items}
        gone = self.reconciler.namespaces.keys() - labels if change == "LISTED" else ()
        for name, label in {**labels, **dict.fromkeys(gone)}.items():
            self.reconciler.namespace_changed(name, None if change == "DELETED" else label)
        self._follow_namespaces()

    def _follow_namespaces(self) -> None:
        """Watch all Deployments of the namespaces that have the label, and of no others."""
        if self._group is None:
            return
        labelled = self.reconciler.namespaces.keys()
        for namespace in self._by_namespace.keys() - labelled:
            self._by_namespace.pop(namespace).cancel()
            self.sources.pop(f"all {paths.deployments(namespace)}", None)
        for namespace in labelled - self._by_namespace.keys():
            task = follow(*self._deployments(namespace, ""))
            self._by_namespace[namespace] = self._group.create_task(task)

    def _replicasets_changed(self, change: str, found: Any) -> None:
        if change == "PAGE":
            return
        for item in found if change == "LISTED" else [found]:
            for owner in item["metadata"].get("ownerReferences") or ():
                if owner["kind"] == "Deployment" and change != "DELETED" and self._group:
                    self._group.create_task(self._misplaced((item["metadata"]["namespace"], owner["name"])))

    async def _misplaced(self, key: Key) -> None:
        """Say so when a Deployment has the label on its pod template, where it does nothing, and nowhere else."""
        deployment = self.reconciler.deployments.get(key) or await self._get(paths.deployments(*key))
        if not deployment or wanted(deployment, self.reconciler.namespaces.get(key[0])):
            return
        if label := (deployment["spec"]["template"]["metadata"].get("labels") or {}).get(LABEL):
            advice = f"kubectl label deployment {key[1]} -n {key[0]} {LABEL}={label}"
            message = f"the label {LABEL} on the pod template does nothing; put it on the Deployment: {advice}"
            self.reconciler.seen.tell("Deployment", deployment["metadata"], "Misplaced", message)

    async def _get(self, path: str) -> Object | None:
        try:
            return await self.api.get(path)
        except ApiError as error:
            log.warning("%s: %s", path, error)
            return None

    # ---- what is reported
    async def _post_events(self) -> None:
        """Post Events one by one while there is nothing better to do."""
        while True:
            path, body = await self.reconciler.seen.events.get()
            await self.reconciler.queue.idle.wait()
            try:
                await self.api.create(path, body)
            except ApiError as error:
                log.warning("Event %s was not posted: %s", body["reason"], error)

    async def _report(self) -> None:
        while True:
            await self.reconciler.changed.wait()
            await asyncio.sleep(REPORT)
            await self.reconciler.queue.idle.wait()
            self.reconciler.changed.clear()
            await self.report()

    async def report(self) -> None:
        """Write the status of each profile whose status is not so already."""
        for key, status in self.reconciler.profile_statuses().items():
            if self.reconciler.profiles[key].get("status") != status:
                try:
                    await self.api.merge(f"{paths.profiles(*key)}/status", {"status": status})
                except ApiError as error:
                    log.warning("status of OtelProfile %s/%s: %s", *key, error)

    async def _resync(self) -> None:
        """Look at everything once in a while: ConfigMaps are not watched, and a watch may have fallen silent."""
        while True:
            await asyncio.sleep(self.settings.resync)
            try:
                self._profiles_before = {key_of(item): version(item) for item in await self._list_profiles()}
                await self._read_namespaces()
            except ApiError as error:
                log.warning("resync: %s", error)
            self.reconciler.again(list(self.reconciler.deployments))


async def follow(source: Source, take: Take, start: str = "") -> None:
    """Hand every change of `source` to `take`, for ever."""
    async for change, found in source.changes(start):
        take(change, found)


async def withdraw_everything(api: Api, scopes: Sequence[str] = ("",)) -> list[Key]:
    """Take back all that is ours, wherever it is; return the Deployments that had something."""
    pages = [page for scope in scopes async for page in api.pages(paths.deployments(scope), metadata_only=True)]
    ours = [key_of(item) for page in pages for item in page["items"] if owns_anything(item["metadata"])]
    return [key for key in ours if await _withdraw(api, paths.deployments(*key))]


async def _withdraw(api: Api, path: str) -> bool:
    deployment = await api.get(path)
    if deployment and (fields := handover(deployment)):
        deployment = await api.hand_over(path, fields, deployment["metadata"]["resourceVersion"])
    body = withdrawal(deployment) if deployment else None
    if body:
        await api.apply(path, body)
    return body is not None
