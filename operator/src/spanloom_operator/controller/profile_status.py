"""Statuses of OtelProfiles: whether they are valid, and the states of their workloads."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from spanloom_operator.injection.record import INJECTED, ROLLED_BACK
from spanloom_operator.kube import paths
from spanloom_operator.kube.api import ApiError
from spanloom_operator.profiles.reader import InvalidProfile, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spanloom_operator.controller.cache import Cache
    from spanloom_operator.controller.events import EventRecorder
    from spanloom_operator.controller.leases import Claims
    from spanloom_operator.kinds import WorkloadKey
    from spanloom_operator.kube.api import Api, Key, Object
    from spanloom_operator.profiles.rules import Rules

log = logging.getLogger(__name__)


class ProfileStatus:
    """Writes the status of each profile that this installation looks after, when it has changed."""

    def __init__(self, api: Api, cache: Cache, claims: Claims, rules: Rules) -> None:
        self._api, self._cache, self._claims, self._rules = api, cache, claims, rules

    def statuses(self, states: Mapping[WorkloadKey, str]) -> dict[Key, dict[str, Any]]:
        """Return what the status of each profile should be; `states` are those of the workloads."""
        found: dict[Key, list[str]] = {key: [] for key in self._cache.profiles if self._claims.has_profiles(key[0])}
        for key, state in states.items():
            for profile in self._cache.profile_keys(key):
                found.get(profile, []).append(state)
        return {key: self._status(self._cache.profiles[key], of_it) for key, of_it in found.items()}

    async def write(self, states: Mapping[WorkloadKey, str]) -> None:
        """Write each status that is not so already."""
        for key, status in self.statuses(states).items():
            if self._cache.profiles[key].get("status") != status:
                try:
                    await self._api.merge(f"{paths.profiles(*key)}/status", {"status": status})
                except ApiError as error:
                    log.warning("status of OtelProfile %s/%s was not written: %s", *key, error)

    def record_problems(self, profile: Object, events: EventRecorder) -> None:
        """Emit an Event for each error in a profile."""
        if self._claims.has_profiles(profile["metadata"]["namespace"]):
            for problem in self._problems(profile):
                events.record("OtelProfile", profile["metadata"], "Invalid", problem)

    def _status(self, profile: Object, states: list[str]) -> dict[str, Any]:
        problems = self._problems(profile)
        return {
            "observedGeneration": profile["metadata"].get("generation", 0),
            "valid": not problems,
            "problems": list(problems),
            "workloads": len(states),
            "injected": states.count(INJECTED),
            "rolledBack": states.count(ROLLED_BACK),
        }

    def _problems(self, profile: Object) -> tuple[str, ...]:
        try:
            read(profile.get("spec") or {}, self._rules)
        except InvalidProfile as invalid:
            return invalid.problems
        return ()
