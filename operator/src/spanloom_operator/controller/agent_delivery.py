"""Whether the API server keeps image volumes, found out by a dry run: one without them drops the volume in silence."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from spanloom_operator.injection.agent import IMAGE_VOLUME, INIT_CONTAINER
from spanloom_operator.injection.apply import body
from spanloom_operator.injection.pieces import AGENT_VOLUME, live_pieces
from spanloom_operator.kube.api import REFUSALS, ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanloom_operator.injection.environment import Injection
    from spanloom_operator.injection.workload import Workload
    from spanloom_operator.kube.api import Api, Object

PROBE_SECONDS = 86400
"""How long what a dry run has shown counts: an API server gets image volumes by an upgrade."""


class AgentDelivery:
    """How the agent comes into pods that do not have it yet; `image_volumes`: whether an image volume is wanted."""

    def __init__(self, api: Api, manager: str, now: Callable[[], float], *, image_volumes: bool) -> None:
        self._api, self._manager, self._now = api, manager, now
        self._due = -math.inf if image_volumes else math.inf
        self._lock = asyncio.Lock()
        self.current = INIT_CONTAINER

    async def find(self, path: str, workload: Workload, injection: Injection) -> str:
        """Return the delivery; once in a while by a dry run of `injection` to the workload at `path`."""
        async with self._lock:
            if self._now() >= self._due:
                is_kept = await self._keeps_image_volume(path, workload, injection)
                self.current, self._due = IMAGE_VOLUME if is_kept else INIT_CONTAINER, self._now() + PROBE_SECONDS
        return self.current

    async def _keeps_image_volume(self, path: str, workload: Workload, injection: Injection) -> bool:
        try:
            stored = await self._api.apply(
                path, body(workload, _by_image_volume(injection)), self._manager, dry_run=True
            )
        except ApiError as error:
            if error.code in REFUSALS:
                return False
            raise
        return "image" in live_pieces(_pod(stored)).get(AGENT_VOLUME, {})


def _by_image_volume(injection: Injection) -> Injection:
    if injection.agent is None:
        return injection
    placed = replace(injection.agent.placed, delivery=IMAGE_VOLUME)
    return replace(injection, agent=replace(injection.agent, placed=placed))


def _pod(stored: Object) -> Object:
    pod: Object = stored["spec"]["template"]["spec"]
    return pod
