"""Rate limiting: how many rollouts may run at once, and how often to reapply what others undo."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spanloom_operator.injection.digests import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanloom_operator.injection.decision import Decision
    from spanloom_operator.injection.record import Record
    from spanloom_operator.injection.workload import Workload
    from spanloom_operator.kinds import WorkloadKey

FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 10, 3600
CONFLICT_AFTER = 3
"""After so many reapplications in a row another controller is at work, it is no accident."""
RESET_AFTER_SECONDS = 3600
"""After this time a reapplication is not "in a row" any more."""


def backoff_seconds(attempt: int) -> float:
    """Return the seconds before the same body is applied for the `attempt`th time in a row, from 1."""
    return 0 if attempt <= 2 else float(min(FIRST_BACKOFF_SECONDS * 2 ** (attempt - 3), MAX_BACKOFF_SECONDS))


class RolloutSlots:
    """At most `limit` rollouts that replace injected pods at a time; a slot expires `grace` seconds after its write."""

    def __init__(self, limit: int, grace: float, now: Callable[[], float]) -> None:
        self._limit, self._grace, self._now = limit, grace, now
        self._expires_at: dict[WorkloadKey, float] = {}
        self._writing: set[WorkloadKey] = set()
        self._waiting: set[WorkloadKey] = set()

    def acquire(self, key: WorkloadKey) -> bool:
        """Take a slot for a rollout that is about to be written; False when the workload has to wait."""
        now = self._now()
        taken = sum(expires > now for other, expires in self._expires_at.items() if other != key)
        if taken >= self._limit:
            self._waiting.add(key)
            return False
        self._expires_at[key] = math.inf  # until the write has a response
        self._writing.add(key)
        return True

    def written(self, key: WorkloadKey, *, is_rolling: bool) -> set[WorkloadKey]:
        """Note the end of a write; `is_rolling` when it changed the workload. Return who may try now."""
        if key not in self._writing:
            return set()
        self._writing.discard(key)
        self._expires_at[key] = self._now() + self._grace
        return set() if is_rolling else self.release(key)

    def observe(self, key: WorkloadKey, workload: Workload, record: Record | None) -> set[WorkloadKey]:
        """Note how far a rollout is; return who may try now."""
        if key in self._writing:
            return set()
        if key in self._expires_at:
            is_over = workload.rollout.is_over or self._expires_at[key] <= self._now()
            return self.release(key) if is_over else set()
        if record is not None and record.guard.is_armed and workload.rollout.is_under_way:
            self._expires_at[key] = record.guard.started + self._grace
        return set()

    def release(self, key: WorkloadKey) -> set[WorkloadKey]:
        """Free the slot of a workload; return who may try now."""
        self._writing.discard(key)
        if self._expires_at.pop(key, None) is None:
            return set()
        waiting, self._waiting = self._waiting, set()
        return waiting


@dataclass
class Reapply:
    """How often the same body was applied in a row, and when last (seconds since the epoch)."""

    body: str
    attempt: int
    at: float


class ReapplyBackoff:
    """The more often others undo a write, the longer the next one waits."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._reapplied: dict[WorkloadKey, Reapply] = {}

    def seconds_left(self, key: WorkloadKey, decision: Decision) -> float:
        """Return the seconds until a decision may be written."""
        last = self._last(key, decision)
        return 0 if last is None else max(0, last.at + backoff_seconds(last.attempt + 1) - self._now())

    def count(self, key: WorkloadKey, decision: Decision) -> None:
        """Note that a decision was written."""
        last = self._last(key, decision)
        self._reapplied[key] = Reapply(_content(decision), last.attempt + 1 if last else 1, self._now())

    def event_text(self, key: WorkloadKey, decision: Decision) -> tuple[str, str]:
        """Return reason and message of the Event about a write."""
        last = self._reapplied.get(key)
        if last is None or last.attempt < CONFLICT_AFTER:
            return decision.reason, decision.message
        pause = backoff_seconds(last.attempt + 1)
        again = f"reapplied {last.attempt} times, next attempt in {pause:g} s"
        return "Conflict", f"another controller keeps removing the injected variables; {again}"

    def forget(self, key: WorkloadKey) -> None:
        """Forget a workload."""
        self._reapplied.pop(key, None)

    def _last(self, key: WorkloadKey, decision: Decision) -> Reapply | None:
        last = self._reapplied.get(key)
        is_in_a_row = last is not None and self._now() - last.at <= RESET_AFTER_SECONDS
        return last if last is not None and is_in_a_row and last.body == _content(decision) else None


def _content(decision: Decision) -> str:
    return fingerprint([(decision.body or {}).get("spec"), decision.reason])
