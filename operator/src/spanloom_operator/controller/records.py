"""OtelInjections: what the operator remembers about workloads, written when there is nothing more urgent."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from spanloom_operator.injection.record import Record, from_injection_object, record_key
from spanloom_operator.kube import paths
from spanloom_operator.kube.api import NOT_FOUND, ApiError, items

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from spanloom_operator.injection.workload import Workload
    from spanloom_operator.kinds import WorkloadKey
    from spanloom_operator.kube.api import Api, Object

log = logging.getLogger(__name__)


class RecordStore:
    """Records by workload. `installation` (`namespace/name`) separates its OtelInjections from others."""

    def __init__(self, api: Api, installation: str, manager: str) -> None:
        self._api, self._installation, self._manager = api, installation, manager
        self._records: dict[WorkloadKey, tuple[str, Record]] = {}
        self._stored: dict[WorkloadKey, Record] = {}
        self._found: dict[WorkloadKey, Object] = {}
        self._to_write: dict[WorkloadKey, Workload] = {}
        self.changed = asyncio.Event()

    async def load(self, scopes: Sequence[str]) -> None:
        """Read this installation's OtelInjections; ApiError when the CRD is not installed."""
        self._found = {key: found async for key, found in _listed(self._api, scopes, self._installation)}

    @property
    def found(self) -> set[WorkloadKey]:
        """Workloads with an OtelInjection at the last start."""
        return set(self._found)

    def get(self, workload: Workload) -> Record | None:
        """Return the record of a workload; None for another one of the same name."""
        key = workload.key
        if key in self._records:
            uid, record = self._records[key]
            return record if uid == workload.uid else None
        if key not in self._found:
            return None
        record_found = from_injection_object(self._found[key], workload.uid)
        if record_found is not None:
            self._records[key] = workload.uid, record_found
            self._stored[key] = record_found.to_persist
        return record_found

    def states(self) -> dict[WorkloadKey, str]:
        """Return the state of each workload."""
        return {key: record.state for key, (_, record) in self._records.items()}

    def count(self, state: str) -> int:
        """Return how many workloads have a state; also called by the thread that serves metrics."""
        return sum(record.state == state for _, record in list(self._records.values()))

    def remember(self, workload: Workload, record: Record | None) -> None:
        """Keep a record, and write it soon when a reader would learn something new; None removes it."""
        key = workload.key
        before = self._records.pop(key, None)
        if record is not None:
            self._records[key] = workload.uid, record
        if before != (None if record is None else (workload.uid, record)):
            self.changed.set()
        if (record.to_persist if record else None) != self._stored.get(key) or (record is None and key in self._found):
            self._to_write[key] = workload

    def forget(self, key: WorkloadKey) -> None:
        """Forget a workload that is deleted; the garbage collector removes its OtelInjection."""
        for known in (self._records, self._stored, self._found, self._to_write):
            known.pop(key, None)
        self.changed.set()

    async def write_now(self, workload: Workload) -> None:
        """Write the record of a workload before anything else happens."""
        await self._write(workload.key, workload)

    async def write_all(self) -> None:
        """Write what has changed, one after another; what fails is logged and tried again with the next change."""
        for key, workload in list(self._to_write.items()):
            try:
                await self._write(key, workload)
            except ApiError as error:
                log.warning("OtelInjection of %s not written: %s", key.title, error, extra={"reason": "WriteFailed"})

    async def verify(self, scopes: Sequence[str]) -> None:
        """Write again what a user has deleted, or what could not be written."""
        present = {key async for key, _ in _listed(self._api, scopes, self._installation)}
        for key in self._stored.keys() - present:
            del self._stored[key]
        self.changed.set()

    async def _write(self, key: WorkloadKey, workload: Workload) -> None:
        self._to_write.pop(key, None)
        try:
            await self._write_or_delete(key, workload)
        except ApiError as error:
            if error.code != NOT_FOUND:  # the namespace is deleted
                self._to_write.setdefault(key, workload)
            raise

    async def _write_or_delete(self, key: WorkloadKey, workload: Workload) -> None:
        path, known = paths.injections(key.namespace, key.injection_name), self._records.get(key)
        if known is None:
            await self._delete(path)
            self._stored.pop(key, None)
            self._found.pop(key, None)
            return
        record = known[1]
        await self._api.apply(path, record.body(workload, self._installation), self._manager, force=True)
        self._stored[key] = record.to_persist

    async def _delete(self, path: str) -> None:
        found = await self._api.get(path)
        if found is not None and _installation(found) == self._installation:
            await self._api.delete(path)


async def _listed(api: Api, scopes: Sequence[str], installation: str) -> AsyncIterator[tuple[WorkloadKey, Object]]:
    for scope in scopes:
        async for found in items(api, paths.injections(scope)):
            if _installation(found) == installation:
                yield record_key(found), found


def _installation(found: Object) -> str:
    return str((found.get("status") or {}).get("installation", ""))
