"""Automatic rollback: whether a failing rollout is the injection's fault, and how much time it has left."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from spanloom_operator.injection.record import INJECTED, ROLLED_BACK, Guard, Record

if TYPE_CHECKING:
    from spanloom_operator.injection.workload import Workload


def stays_rolled_back(workload: Workload, record: Record | None, cause: str) -> bool:
    """Return whether the injection was rolled back and nothing has changed since that could help."""
    if record is None:
        return workload.legacy_state == ROLLED_BACK
    known = record.guard.cause, record.guard.template
    return record.state == ROLLED_BACK and known == (cause, workload.user_template_fingerprint)


def is_fault_of_injection(workload: Workload, record: Record | None) -> bool:
    """Return whether the rollout under way is the operator's, of a Deployment that was healthy before it.

    When the user's pod template is another than the one that was injected, the rollout is the user's.
    """
    return (
        record is not None
        and record.state == INJECTED
        and record.guard.is_armed
        and record.guard.template == workload.user_template_fingerprint
        and workload.rollout.is_under_way
    )


def with_restarted_clock(guard: Guard, workload: Workload, now: float) -> Guard:
    """Return the guard with a new grace time when a user has changed the spec: another rollout has begun.

    So it has when the next pod was replaced, where they are replaced one after the other.
    """
    generation, updated = workload.generation, workload.rollout.updated
    if guard.generation == generation and guard.updated >= updated:
        return guard
    return replace(guard, generation=generation, started=now, updated=updated)


def seconds_left(workload: Workload, guard: Guard, now: float, grace: float) -> float:
    """Return the seconds until a failing rollout is rolled back; none once Kubernetes has given it up."""
    return 0 if workload.rollout.is_given_up else max(0, guard.started + grace - now)


def after_write(workload: Workload, record: Record | None, cause: str, now: float) -> Guard:
    """Return the guard of an injection that is about to be written."""
    was_healthy = workload.rollout.is_healthy or is_fault_of_injection(workload, record)
    return Guard(cause, workload.user_template_fingerprint, workload.generation, now, was_healthy)


def without_write(workload: Workload, record: Record | None, cause: str, now: float) -> Guard:
    """Return the guard of an injection that is in place.

    Without a record (the process ended before it was written) the rollout counts as the operator's, if pods are still
    being replaced.
    """
    template, is_complete = workload.user_template_fingerprint, workload.rollout.is_complete
    if record is None or record.state != INJECTED or record.guard.template != template:
        is_unknown = record is None and bool(workload.applied) and workload.rollout.is_replacing
        return Guard(cause, template, workload.generation, now, is_unknown, is_complete)
    guard = with_restarted_clock(record.guard, workload, now)
    return replace(guard, cause=cause, is_rolled_out=guard.is_rolled_out or is_complete)
