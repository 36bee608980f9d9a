"""One decision for one workload: what to write, what to report, when to look again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from spanloom_operator.injection.agent import INIT_CONTAINER, agent_cause, current_delivery, rollback_advice
from spanloom_operator.injection.apply import body, changes_template
from spanloom_operator.injection.digests import fingerprint
from spanloom_operator.injection.environment import NOTHING, Injection, inject
from spanloom_operator.injection.guard import (
    after_write,
    is_fault_of_injection,
    seconds_left,
    stays_rolled_back,
    with_restarted_clock,
    without_write,
)
from spanloom_operator.injection.managed_fields import changed_owners, without_values
from spanloom_operator.injection.record import DRY_RUN, INJECTED, ROLLED_BACK, SKIPPED, Guard, Record
from spanloom_operator.names import ACKNOWLEDGED_ANNOTATION, DEFAULT_PROFILE, INJECT_LABEL, MODE_ANNOTATION
from spanloom_operator.profiles.reader import NoProfile, Specs, find_layers
from spanloom_operator.profiles.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spanloom_operator.injection.workload import Workload
    from spanloom_operator.profiles.reader import Layer

STATUS_LAG_SECONDS = 5.0
"""How long to wait for a status that is behind; the event of the new status usually comes first."""


@dataclass(frozen=True)
class Inputs:
    """What a decision needs besides the workload; `grace` in seconds, `now` in seconds since the epoch.

    `holder` is another installation of the operator that looks after the namespace, if there is one. `delivery` is how
    the agent comes into pods that do not have it.
    """

    rules: Rules = field(default_factory=Rules)
    home: str = "spanloom-system"
    profiles: Specs = field(default_factory=dict)
    namespace_label: str | None = None
    config_maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    now: float = 0
    grace: float = 300
    holder: str = ""
    delivery: str = INIT_CONTAINER


@dataclass(frozen=True)
class Decision:
    """`body` is what to apply, if anything; `managed_fields` is what to write before that.

    `reason` and `message` go into the Event and the log, `record` into the OtelInjection (None: there is none).
    `replaces_pods` is true when pods that have an injection will be replaced. `wait` is the number of seconds after
    which to look again.
    """

    reason: str
    message: str = ""
    body: dict[str, Any] | None = None
    record: Record | None = None
    injection: Injection = NOTHING
    replaces_pods: bool = False
    wait: float | None = None
    managed_fields: list[dict[str, Any]] | None = None


def requested_profile(workload: Workload, inputs: Inputs) -> str | None:
    """Return the name of the profile that the labels request, or None; the workload's own label decides."""
    default = inputs.namespace_label if workload.kind.follows_namespace else None
    return profile_of_label(None if inputs.holder else workload.labels.get(INJECT_LABEL, default))


def profile_of_label(label: str | None) -> str | None:
    """Return the name of the profile that a label's value requests, or None."""
    if label is None or label.lower() in {"", "false"}:
        return None
    return DEFAULT_PROFILE if label.lower() == "true" else label


def decide(workload: Workload, record: Record | None, inputs: Inputs) -> Decision:
    """Decide what to do about `workload`; the same inputs always give the same decision."""
    decision = _decide(workload, record, inputs)
    if _is_dry_run(workload):
        return _announced(decision, record)
    if _changes_hands(workload, inputs):
        fields = changed_owners(workload)
        kept = decision.record if workload.legacy_state else record
        return Decision("OwnersChanged", record=kept, managed_fields=fields)
    if decision.body is None and decision.wait is None and _blocks_others(workload):
        fields = without_values(workload)
        return replace(decision, managed_fields=fields)
    return decision


def _decide(workload: Workload, record: Record | None, inputs: Inputs) -> Decision:
    name = requested_profile(workload, inputs)
    if name is None:
        return _withdrawn(workload, inputs)
    try:
        layers = find_layers(workload.namespace, name, inputs.home, inputs.profiles, inputs.rules)
    except NoProfile as missing:
        found = Record(missing.state, name, missing.reason)
        return _restrained(workload, record, _compared(workload, record, NOTHING, found, inputs))
    return _restrained(workload, record, _injected(workload, record, layers, inputs))


def _withdrawn(workload: Workload, inputs: Inputs) -> Decision:
    reason = f"installation {inputs.holder} looks after this namespace" if inputs.holder else "the label is removed"
    message = f"{reason}; the original configuration is restored"
    is_ours = workload.ownership.is_ours and not (workload.ownership.is_legacy and inputs.holder)
    return Decision("Withdrawn", message, body(workload, NOTHING) if is_ours else None)


def _injected(workload: Workload, record: Record | None, layers: tuple[Layer, ...], inputs: Inputs) -> Decision:
    injection = find_injection(workload, record, layers, inputs)
    acknowledged = workload.annotations.get(ACKNOWLEDGED_ANNOTATION, "")
    profiles = [layer.profile.model_dump(mode="json", exclude={"agent"}) for layer in layers]
    cause = fingerprint([profiles, acknowledged, *agent_cause(workload, layers)])
    source = ", ".join(layer.source for layer in layers)
    state = INJECTED if injection.entries else SKIPPED
    found = Record.from_injection(state, source, secrets_note(workload), injection, Guard(cause))
    return _compared(workload, record, injection, found, inputs)


def find_injection(workload: Workload, record: Record | None, layers: tuple[Layer, ...], inputs: Inputs) -> Injection:
    """Return what `workload` gets; an agent that is there is delivered as before, unless something else changes."""
    before = record.containers if record else ()
    injection = inject(workload, layers, inputs.config_maps, before, current_delivery(workload) or inputs.delivery)
    if injection.agent is None or not changes_template(workload, injection):
        return injection
    return inject(workload, layers, inputs.config_maps, before, inputs.delivery)


def _compared(
    workload: Workload, record: Record | None, injection: Injection, found: Record, inputs: Inputs
) -> Decision:
    """Compare the result with what is there, and with what became of it."""
    cause, now = found.guard.cause, inputs.now
    if stays_rolled_back(workload, record, cause):
        kept = record or replace(found, state=ROLLED_BACK, reason="rolled back by an earlier version", variables=())
        guard = Guard(cause, workload.user_template_fingerprint)
        writes = changes_template(workload, NOTHING)
        return _decision(workload, NOTHING, replace(kept, guard=guard), record, now, writes=writes)
    if record is not None and record.guard.cause == cause and is_fault_of_injection(workload, record):
        guard = with_restarted_clock(record.guard, workload, now)
        return _watched(workload, replace(record, guard=guard), inputs)
    writes = changes_template(workload, injection)
    guard = (after_write if writes else without_write)(workload, record, cause, now)
    return _decision(workload, injection, replace(found, guard=guard), record, now, writes=writes)


def _watched(workload: Workload, record: Record, inputs: Inputs) -> Decision:
    """Wait for a rollout that is under way, or roll it back."""
    if left := seconds_left(workload, record.guard, inputs.now, inputs.grace):
        return Decision("Watched", "the rollout is under way", record=record, wait=left)
    seconds = int(inputs.now - record.guard.started)
    reason = f"not ready {seconds} s after the injection: {workload.rollout.summary}"
    reason += rollback_advice(record.agent) if record.agent else ""
    guard = Guard(record.guard.cause, record.guard.template)
    rolled_back = Record(ROLLED_BACK, record.profile, reason, guard=guard)
    writes = changes_template(workload, NOTHING)
    return _decision(workload, NOTHING, rolled_back, record, inputs.now, writes=writes)


def _decision(
    workload: Workload, injection: Injection, found: Record, record: Record | None, now: float, *, writes: bool
) -> Decision:
    return Decision(
        found.state,
        event_text(found),
        body(workload, injection) if writes else None,
        found.continued(record, now),
        injection,
        replaces_pods=bool(workload.applied) and writes and workload.rollout.replaces_pods,
    )


def _restrained(workload: Workload, record: Record | None, decision: Decision) -> Decision:
    """Wait where a Deployment is paused, or a workload has just changed."""
    if workload.is_paused and decision.body:
        return Decision("Paused", f"waits until the Deployment is resumed, then: {decision.reason}", record=record)
    if decision.body and workload.rollout.is_stale:
        reason = f"waiting for the {workload.kind.name}'s status"
        return Decision("Watched", reason, record=record, wait=STATUS_LAG_SECONDS)
    return decision


def _announced(decision: Decision, record: Record | None) -> Decision:
    """Write nothing to a workload whose owner wants a dry run."""
    message = f"would be {decision.reason}: {decision.message}"
    announced = record
    if decision.record is not None and (record is None or record.state == DRY_RUN):
        announced = replace(decision.record, state=DRY_RUN, reason=message, guard=Guard())
        announced = announced.continued(record, decision.record.since)
    return Decision("DryRun", message, injection=decision.injection, record=announced)


def _is_dry_run(workload: Workload) -> bool:
    return workload.annotations.get(MODE_ANNOTATION) == "dry-run"


def _changes_hands(workload: Workload, inputs: Inputs) -> bool:
    is_legacy = workload.ownership.is_legacy or workload.has_legacy_status
    return bool(workload.handover.taken or workload.handover.reclaimed or (is_legacy and not inputs.holder))


def _blocks_others(workload: Workload) -> bool:
    """Return whether another manager that applies containers would get a conflict for a value of its own."""
    return workload.ownership.has_other_appliers and workload.ownership.holds_values


def secrets_note(workload: Workload) -> str:
    """Return a warning that injected variables override those of envFrom Secrets, "" when there are none.

    Kubernetes lets env win over envFrom, and the operator reads no Secret.
    """
    secrets = sorted({name for each in workload.containers for name in each.env_from_names("secretRef")})
    if not secrets:
        return ""
    found = f"envFrom Secret {', '.join(secrets)} cannot be read"
    return f"{found}: an injected variable overrides one of the same name in it; set it in env"


def event_text(record: Record) -> str:
    """Return in one line what is injected where, from which profile, and what was skipped."""
    parts = [f"{name}: {', '.join(variables)}" for name, variables in record.variables]
    parts += [record.agent.text] if record.agent else []
    parts += [f"profile {record.profile}"] if record.variables else []
    parts += [record.reason] if record.reason else []
    parts += [f"skipped {f'{each.container}/{each.name}'.rstrip('/')} ({each.reason})" for each in record.skipped]
    return "; ".join(parts)
