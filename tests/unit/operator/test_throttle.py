"""Rate limiting: rollouts at a time, and pauses between reapplications."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from support.builders.deployments import deployment, rolling_out, workload_of

from spanloom_operator.controller.throttle import ReapplyBackoff, RolloutSlots, backoff_seconds
from spanloom_operator.injection.decision import Decision
from spanloom_operator.injection.record import Guard, Record
from spanloom_operator.kinds import WorkloadKey

A, B, C = (WorkloadKey("demo", name, "Deployment") for name in "abc")
COMPLETE = workload_of(deployment())
ROLLING = workload_of({**deployment(), "status": rolling_out(1)})


@dataclass
class Clock:
    """Seconds since the epoch."""

    seconds: float = 0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize(("attempt", "pause"), [(1, 0), (2, 0), (3, 10), (4, 20), (5, 40), (20, 3600)])
def test_backoff(attempt: int, pause: float) -> None:
    """The first reapplication is immediate, each further one waits twice as long, an hour at most."""
    assert pause == backoff_seconds(attempt)


def test_slots_are_limited_and_released() -> None:
    """Who finds no slot waits, and is named when a rollout is complete."""
    slots = RolloutSlots(1, 300, Clock())
    assert [True, False] == [slots.acquire(A), slots.acquire(B)]
    slots.written(A, is_rolling=True)
    assert set() == slots.observe(A, ROLLING, None)
    assert {B} == slots.observe(A, COMPLETE, None)
    assert slots.acquire(B)


def test_slot_expires() -> None:
    """A rollout that does not end gives its slot back after the grace time."""
    clock = Clock()
    slots = RolloutSlots(1, 300, clock)
    slots.acquire(A)
    slots.written(A, is_rolling=True)
    clock.seconds = 301
    assert slots.acquire(B)


def test_slot_of_a_write_that_changed_nothing_is_free() -> None:
    """No rollout begins, so the next may."""
    slots = RolloutSlots(1, 300, Clock())
    slots.acquire(A)
    slots.acquire(B)
    assert {B} == slots.written(A, is_rolling=False)


def test_rollout_of_an_earlier_process_takes_a_slot() -> None:
    """After a restart a rollout whose guard is armed still counts."""
    slots = RolloutSlots(1, 300, Clock())
    slots.observe(A, ROLLING, Record("Injected", guard=Guard(started=0, was_healthy=True)))
    assert not slots.acquire(B)


def test_reapplications_in_a_row_are_a_conflict() -> None:
    """The third write of the same body says that another controller is at work; an hour later it is forgotten."""
    clock, decision = Clock(), Decision("Injected", "app: X", body={"spec": {}})
    backoff = ReapplyBackoff(clock)
    waits = []
    for _ in range(3):
        waits.append(backoff.seconds_left(A, decision))
        backoff.count(A, decision)
    assert ([0, 0, 10], "Conflict") == (waits, backoff.event_text(A, decision)[0])
    assert "reapplied 3 times, next attempt in 20 s" in backoff.event_text(A, decision)[1]
    clock.seconds = 3601
    assert 0 == backoff.seconds_left(A, decision)
    assert 0 == backoff.seconds_left(C, decision)
