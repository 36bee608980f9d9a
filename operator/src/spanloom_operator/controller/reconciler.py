"""Bring one workload to what its labels and profiles request: read, decide, and at most one write.

Every write carries the resourceVersion it was decided on. What has changed in between is read again and decided again,
so that no change made meanwhile is lost.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from spanloom import instrument
from spanloom_operator.controller.metrics import SKIPPED, WRITES
from spanloom_operator.controller.throttle import backoff_seconds
from spanloom_operator.injection.apply import managed_fields_patch
from spanloom_operator.injection.decision import Inputs, decide, requested_profile
from spanloom_operator.injection.record import ROLLED_BACK
from spanloom_operator.injection.workload import Workload
from spanloom_operator.kinds import KINDS
from spanloom_operator.kube import paths
from spanloom_operator.kube.api import CONFLICT, NOT_FOUND, REFUSALS, ApiError, version_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spanloom_operator.controller.agent_delivery import AgentDelivery
    from spanloom_operator.controller.cache import Cache
    from spanloom_operator.controller.events import EventRecorder
    from spanloom_operator.controller.leases import Claims
    from spanloom_operator.controller.records import RecordStore
    from spanloom_operator.controller.throttle import ReapplyBackoff, RolloutSlots
    from spanloom_operator.controller.work_queue import WorkQueue
    from spanloom_operator.injection.decision import Decision
    from spanloom_operator.injection.record import Record
    from spanloom_operator.kinds import WorkloadKey
    from spanloom_operator.kube.api import Api, Object
    from spanloom_operator.settings import Settings

RECHECK_SECONDS = 1.0
"""How long after a write to look at the workload again."""
STALE_BACKOFF_SECONDS, MAX_STALE_BACKOFF_SECONDS = 0.01, 5.0
"""How long to wait after the second stale write in a row, and at most."""
log = logging.getLogger(__name__)


class Reconciler:
    """Decides about one workload at a time, and carries the decision out."""

    def __init__(
        self,
        api: Api,
        settings: Settings,
        now: Callable[[], float],
        *,
        cache: Cache,
        queue: WorkQueue[WorkloadKey],
        records: RecordStore,
        claims: Claims,
        slots: RolloutSlots,
        backoff: ReapplyBackoff,
        events: EventRecorder,
        delivery: AgentDelivery,
    ) -> None:
        self._api, self._settings, self._now = api, settings, now
        self._cache, self._queue, self._records, self._claims = cache, queue, records, claims
        self._slots, self._backoff, self._events, self._delivery = slots, backoff, events, delivery
        self._failures: dict[WorkloadKey, int] = {}

    @instrument
    async def reconcile(self, key: WorkloadKey) -> None:
        """Look at one workload; a failure is reported and tried again."""
        try:
            await self._reconcile(key)
            self._failures.pop(key, None)
        except ApiError as error:
            self._failed(key, error)

    async def _reconcile(self, key: WorkloadKey) -> None:
        found = self._cache.workloads.get(key) or await self._api.get(paths.workload(key))
        if found is None:
            return self._forget(key)
        self._cache.workloads[key] = found
        workload = self._view(key, found)
        record = self._records.get(workload)
        self._queue.add_all(self._slots.observe(key, workload, record))
        decision = await self._decide(key, workload, record)
        if decision.managed_fields is not None:
            await self._change_owners(key, workload, decision)
        elif decision.body is not None:
            await self._write(key, found, workload, decision)
        else:
            self._settle(key, found, workload, decision)
        return None

    async def _decide(self, key: WorkloadKey, workload: Workload, record: Record | None) -> Decision:
        inputs = await self._inputs(workload)
        decision = decide(workload, record, inputs)
        if decision.body is None or decision.injection.agent is None:
            return decision
        delivery = await self._delivery.find(paths.workload(key), workload, decision.injection)
        return decision if delivery == inputs.delivery else decide(workload, record, replace(inputs, delivery=delivery))

    def _view(self, key: WorkloadKey, found: Object) -> Workload:
        return Workload.from_object(KINDS[key.kind], found, self._settings.manager)

    async def _inputs(self, workload: Workload) -> Inputs:
        namespace = workload.namespace
        inputs = Inputs(
            rules=self._settings.rules,
            home=self._settings.namespace,
            profiles=self._cache.specs,
            namespace_label=self._cache.namespaces.get(namespace),
            now=self._now(),
            grace=self._settings.grace,
            holder=self._claims.holder(namespace),
            delivery=self._delivery.current,
        )
        names = {name for each in workload.all_containers for name in each.env_from_names("configMapRef")}
        if not names or requested_profile(workload, inputs) is None:
            return inputs
        return replace(inputs, config_maps=await self._config_maps(namespace, names))

    async def _config_maps(self, namespace: str, names: set[str]) -> dict[str, Mapping[str, str]]:
        found = {name: await self._api.get(paths.config_map(namespace, name)) for name in sorted(names)}
        return {name: config_map.get("data") or {} for name, config_map in found.items() if config_map}

    async def _change_owners(self, key: WorkloadKey, workload: Workload, decision: Decision) -> None:
        """Write managedFields, and decide again on what the API server returns."""
        self._records.remember(workload, decision.record)
        await self._write_rollback(workload, decision)
        patch = managed_fields_patch(workload, decision.managed_fields or [])
        updated = await self._api.merge(paths.workload(key), patch)
        if not self._cache.workload_changed(workload.kind, "MODIFIED", updated):
            self._queue.add(key)

    async def _write(self, key: WorkloadKey, found: Object, workload: Workload, decision: Decision) -> None:
        if not self._may_write(key, decision):
            return
        try:
            await self._write_rollback(workload, decision)
            updated = await self._api.apply(paths.workload(key), decision.body or {}, self._settings.manager)
        except ApiError:
            self._queue.add_all(self._slots.release(key))
            raise
        self._written(key, found, updated, workload, decision)

    def _may_write(self, key: WorkloadKey, decision: Decision) -> bool:
        """Return whether a decision may be carried out now; else the workload is looked at later."""
        left = self._backoff.seconds_left(key, decision)
        if not left and decision.replaces_pods and not self._slots.acquire(key):
            left = self._settings.grace
        if left:
            self._queue.add_later(key, left)
        return not left

    async def _write_rollback(self, workload: Workload, decision: Decision) -> None:
        """Store the record of a rollback before the rollback: a new process must not inject again."""
        if decision.record is not None and decision.record.state == ROLLED_BACK:
            self._records.remember(workload, decision.record)
            await self._records.write_now(workload)

    def _written(
        self, key: WorkloadKey, found: Object, updated: Object, workload: Workload, decision: Decision
    ) -> None:
        is_changed = version_of(updated) > version_of(found)
        WRITES.labels("applied").inc()
        self._backoff.count(key, decision)
        for skipped in decision.injection.skipped:
            SKIPPED.labels(skipped.kind).inc()
        self._events.record(key.kind, updated["metadata"], *self._backoff.event_text(key, decision))
        self._remember_written(workload, updated, decision)
        if self._cache.workloads.get(key) is found:
            self._cache.workloads[key] = updated
        self._free_slots(key, updated, decision, is_rolling=is_changed)
        if decision.record is None or workload.ownership.has_other_appliers:
            self._queue.add(key)
        elif is_changed:
            self._queue.add_later(key, RECHECK_SECONDS)

    def _free_slots(self, key: WorkloadKey, updated: Object, decision: Decision, *, is_rolling: bool) -> None:
        self._queue.add_all(self._slots.written(key, is_rolling=is_rolling))
        if decision.replaces_pods:
            self._queue.add_all(self._slots.observe(key, self._view(key, updated), None))

    def _remember_written(self, workload: Workload, updated: Object, decision: Decision) -> None:
        record = decision.record
        if record is not None:
            generation = int(updated["metadata"].get("generation", 0))
            record = replace(record, guard=replace(record.guard, generation=generation))
        self._records.remember(workload, record)

    def _settle(self, key: WorkloadKey, found: Object, workload: Workload, decision: Decision) -> None:
        """Nothing to write: report what stands in the way, and stop watching what is not ours."""
        if decision.wait is not None:
            self._queue.add_later(key, decision.wait)
        is_new = decision.record is not None and decision.record != self._records.get(workload)
        self._records.remember(workload, decision.record)
        if is_new and decision.record is not None and decision.record.guard.is_armed:
            self._queue.add_later(key, RECHECK_SECONDS)
        if decision.reason in {"DryRun", "Paused", "Skipped", "Invalid"}:
            self._events.record(key.kind, found["metadata"], decision.reason, decision.message)
        if decision.reason == "Withdrawn":
            self._forget(key)

    def _forget(self, key: WorkloadKey) -> None:
        """Forget a workload that is deleted, or not managed."""
        found = self._cache.workloads.pop(key, None)
        if found:
            self._events.forget(found["metadata"]["uid"])
        else:
            self._records.forget(key)
        self._queue.add_all(self._slots.release(key))
        self._backoff.forget(key)
        self._queue.cancel(key)

    # ---- failures
    def _failed(self, key: WorkloadKey, error: ApiError) -> None:
        """Report what was refused, and try again: at once after a stale write, later and later else."""
        attempt = self._failures[key] = self._failures.get(key, 0) + 1
        WRITES.labels(str(error.code)).inc()
        if error.code in {CONFLICT, NOT_FOUND}:
            found, self._cache.workloads[key] = self._cache.workloads.get(key), None
        else:
            found = self._cache.workloads.get(key)
        if not error.is_stale:
            self._report(key, found, error, attempt)
        self._queue.add_later(key, self._retry_seconds(error, attempt))

    def _retry_seconds(self, error: ApiError, attempt: int) -> float:
        if error.is_stale:
            longest = STALE_BACKOFF_SECONDS * 2.0 ** min(attempt - 1, 10)
            return 0 if attempt == 1 else min(longest, MAX_STALE_BACKOFF_SECONDS)
        return self._settings.resync if error.code in REFUSALS else backoff_seconds(attempt + 1)

    def _report(self, key: WorkloadKey, found: Object | None, error: ApiError, attempt: int) -> None:
        about = {"kind": key.kind, "object": key.title, "reason": "WriteFailed"}
        log.warning("%s %s: the write failed: %s: %s", key.kind, key.title, error.code, error, extra=about)
        is_refused = error.code in REFUSALS or (error.code == CONFLICT and attempt > 1)
        if found and is_refused:
            reason = "Conflict" if error.code == CONFLICT else "Refused"
            self._events.record(key.kind, found["metadata"], reason, str(error))
