"""The operator at work: tasks that watch, reconcile and report, and that live and end together."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import TYPE_CHECKING

from spanloom_operator.controller.agent_delivery import AgentDelivery
from spanloom_operator.controller.cache import Cache
from spanloom_operator.controller.certificates import CertificateMonitor
from spanloom_operator.controller.cleanup import operator_managers
from spanloom_operator.controller.events import EventRecorder
from spanloom_operator.controller.leases import RENEW_SECONDS, Claims
from spanloom_operator.controller.metrics import INJECTIONS, READY, WATCH_AGE, WATCHED
from spanloom_operator.controller.profile_status import ProfileStatus
from spanloom_operator.controller.reconciler import Reconciler
from spanloom_operator.controller.records import RecordStore
from spanloom_operator.controller.throttle import ReapplyBackoff, RolloutSlots
from spanloom_operator.controller.watches import Watches
from spanloom_operator.controller.work_queue import WorkQueue
from spanloom_operator.injection.record import STATES
from spanloom_operator.kinds import KINDS
from spanloom_operator.kube.api import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanloom_operator.kinds import WorkloadKey
    from spanloom_operator.kube.api import Api, Object
    from spanloom_operator.settings import Settings

REPORT_SECONDS = 2
"""Changes of records and of profiles' counts within this time are written together."""
IDLE_SECONDS = 10
"""How long such a write waits for more urgent work."""
log = logging.getLogger(__name__)


class Controller:
    """Wires the parts of the operator, and runs them between kopf's start and end."""

    def __init__(self, api: Api, settings: Settings, now: Callable[[], float] = time.time) -> None:
        self.api, self.settings = api, settings
        self.queue: WorkQueue[WorkloadKey] = WorkQueue()
        self.cache = Cache(settings.namespace, self.queue)
        for kind in KINDS:
            WATCHED.labels(kind).set_function(partial(self.cache.count, kind))
        self.events = EventRecorder()
        self.records = RecordStore(api, settings.installation, settings.manager)
        self.claims = Claims(api, settings.installation, settings.namespaces)
        self.profile_status = ProfileStatus(api, self.cache, self.claims, settings.rules)
        self.watches = Watches(api, settings, self.cache, self.events, self._is_ours)
        self.certificates = CertificateMonitor(self.cache.specs, settings.rules)
        for state in STATES:
            INJECTIONS.labels(state).set_function(partial(self.records.count, state))
        WATCH_AGE.set_function(lambda: self.watches.oldest_contact_seconds(time.monotonic()))
        self.reconciler = Reconciler(
            api,
            settings,
            now,
            cache=self.cache,
            queue=self.queue,
            records=self.records,
            claims=self.claims,
            slots=RolloutSlots(settings.rollouts, settings.grace, now),
            backoff=ReapplyBackoff(now),
            events=self.events,
            delivery=AgentDelivery(api, settings.manager, now, image_volumes=settings.agent_image_volume),
        )

    async def load(self) -> None:
        """Learn all there is: other installations, own records, profiles and workloads."""
        await self.claims.refresh()
        await self.records.load(self.settings.scopes)
        await self.watches.load()
        for key in self.records.found - self.cache.workloads.keys():
            self.cache.read_again(key)

    async def run(self) -> None:
        """Work until cancelled; an unexpected error ends all of it."""
        await self._stand_by()
        await self.load()
        async with asyncio.TaskGroup() as group:
            self.watches.start(group)
            for _ in range(2 * self.settings.connections):  # while one decides, another's request is on its way
                group.create_task(self.queue.work(self.reconciler.reconcile))
            for job in (self._post_events(), self._report(), self._resync(), self._renew(), self.certificates.run()):
                group.create_task(job)
            READY.set(1)

    def profile_changed(self, change: str, profile: Object) -> None:
        """Take an OtelProfile that kopf has brought."""
        if self.cache.profile_changed(change, profile):
            self.records.changed.set()
            if change != "DELETED":
                self.profile_status.record_problems(profile, self.events)

    async def report(self) -> None:
        """Write OtelInjections, and statuses of profiles, that have changed."""
        await self.records.write_all()
        await self.profile_status.write(self.records.states())

    async def _stand_by(self) -> None:
        """Wait while another installation looks after the cluster."""
        announced = ""
        while holder := await self.claims.acquire():
            if holder != announced:
                message = "installation %s looks after this cluster; this one, %s, stands by until it is uninstalled"
                log.warning(message, holder, self.settings.installation, extra={"reason": "StandingBy"})
                announced = holder
            await asyncio.sleep(RENEW_SECONDS)

    async def _post_events(self) -> None:
        """Post Events one by one while there is nothing more urgent to do."""
        while True:
            path, body = await self.events.queue.get()
            await self.queue.wait_until_idle(IDLE_SECONDS)
            try:
                await self.api.create(path, body)
            except ApiError as error:
                log.warning("Event %s was not posted: %s", body["reason"], error)

    async def _report(self) -> None:
        while True:
            await self.records.changed.wait()
            await asyncio.sleep(REPORT_SECONDS)
            await self.queue.wait_until_idle(IDLE_SECONDS)
            self.records.changed.clear()
            await self.report()

    async def _renew(self) -> None:
        """Renew the Leases; look again at the workloads of namespaces that have changed hands."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                for namespace in await self.claims.refresh():
                    self.cache.enqueue_namespace(namespace)
            except ApiError as error:
                log.warning("the Lease was not renewed: %s", error, extra={"reason": "LeaseFailed"})

    async def _resync(self) -> None:
        """Look at everything once in a while: ConfigMaps are not watched, and a watch may be broken unseen."""
        while True:
            await asyncio.sleep(self.settings.resync)
            try:
                await self.watches.resync()
                await self.records.verify(self.settings.scopes)
            except ApiError as error:
                log.warning("resync failed: %s", error)
            self.queue.add_all(list(self.cache.workloads))

    def _is_ours(self, metadata: Object) -> bool:
        return bool(operator_managers(metadata, self.settings.installation))
