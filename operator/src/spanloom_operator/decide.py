"""One decision for one Deployment: what to apply, what to say, when to look again. No client, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from spanloom_operator import rollout
from spanloom_operator.apply import NOTHING, Status, changes_template, patch, withdrawal
from spanloom_operator.inject import env_from_secrets, inject
from spanloom_operator.ownership import applied_at, applied_env, fingerprint, foreign_status, handover, users_template
from spanloom_operator.profile import InvalidProfile, Layer, Rules, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spanloom_operator.inject import Injection

LABEL = "spanloom.dev/inject"
MODE = "spanloom.dev/mode"
ACKNOWLEDGED = "spanloom.dev/acknowledged"
DEFAULT = "default"
BEHIND = 5.0  # seconds; the event of a new status comes sooner

Specs = dict[tuple[str, str], dict[str, Any]]
"""Specs of OtelProfiles by (namespace, name)."""


@dataclass(frozen=True)
class World:
    """What a decision needs besides the Deployment; `grace` in seconds, `now` in seconds since the epoch."""

    rules: Rules = field(default_factory=Rules)
    home: str = "spanloom-system"
    profiles: Specs = field(default_factory=dict)
    namespace_label: str | None = None
    config_maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    now: float = 0
    grace: float = 300


@dataclass(frozen=True)
class Decision:
    """`body` is what to apply, if anything; `fields` are managedFields to write before that.

    `reason` and `message` go into the Event and the log.

    `rolls` says that pods that run an injection will be replaced; `wait` is the number of seconds after which to look
    again.
    """

    reason: str
    message: str = ""
    body: dict[str, Any] | None = None
    status: Status | None = None
    injection: Injection = NOTHING
    rolls: bool = False
    wait: float | None = None
    fields: list[dict[str, Any]] | None = None


class NotInjected(Exception):  # noqa: N818 - an outcome, not an error
    """Nothing can be injected: `state` is Skipped or Invalid, `reason` a line."""

    def __init__(self, state: str, reason: str) -> None:
        super().__init__(reason)
        self.state, self.reason = state, reason


def wanted(deployment: Mapping[str, Any], namespace_label: str | None) -> str | None:
    """Return the name of the profile the labels ask for, or None; the Deployment's own label decides."""
    label = (deployment["metadata"].get("labels") or {}).get(LABEL, namespace_label)
    return None if label in {None, "", "false"} else DEFAULT if label == "true" else label


def profile_keys(namespace: str, name: str, home: str) -> tuple[tuple[str, str], ...]:
    """Return where the layers are: the namespace's profile, then the operator's default."""
    return tuple(dict.fromkeys([(namespace, name), (home, DEFAULT)]))


def find_layers(namespace: str, name: str, world: World) -> tuple[Layer, ...]:
    """Read the profiles that apply; raises when the named one is missing or any is invalid."""
    if name != DEFAULT and (namespace, name) not in world.profiles:
        raise NotInjected("Skipped", f"there is no OtelProfile {name} in namespace {namespace}")
    keys = [key for key in profile_keys(namespace, name, world.home) if key in world.profiles]
    layers = tuple(_layer(key, world) for key in keys)
    if not any(layer.profile.exporter for layer in layers):
        raise NotInjected("Skipped", f"no OtelProfile says where telemetry goes (looked for {name} in {namespace})")
    return layers


def _layer(key: tuple[str, str], world: World) -> Layer:
    source = "/".join(key)
    try:
        return Layer(source, read(world.profiles[key], world.rules))
    except InvalidProfile as invalid:
        raise NotInjected("Invalid", f"OtelProfile {source} is invalid: {invalid}") from None


def decide(deployment: Mapping[str, Any], world: World) -> Decision:
    """Decide what to do about `deployment`; the same inputs always give the same decision."""
    if not _rehearsal(deployment) and (fields := handover(deployment)):
        return Decision("HandedOver", "entries that others have changed are theirs", fields=fields)
    name = wanted(deployment, world.namespace_label)
    if name is None:
        return Decision("Withdrawn", "the label is off; the Deployment is as it was", withdrawal(deployment))
    if manager := foreign_status(deployment["metadata"]):
        return Decision("Conflict", f"{manager} has taken over the status annotation; remove the annotation")
    try:
        decision = _inject(deployment, name, world)
    except NotInjected as not_injected:
        decision = _settle(deployment, NOTHING, Status(not_injected.state, name, not_injected.reason), world)
    return _restrained(deployment, decision)


def _inject(deployment: Mapping[str, Any], name: str, world: World) -> Decision:
    layers = find_layers(deployment["metadata"]["namespace"], name, world)
    injection = inject(deployment, layers, world.config_maps)
    cause = fingerprint([[layer.profile.model_dump(mode="json") for layer in layers], _acknowledged(deployment)])
    left_out = {f"{left.container}/{left.name}".rstrip("/"): left.reason for left in injection.left_out}
    secrets = sorted(env_from_secrets(deployment))
    note = f"envFrom Secret {', '.join(secrets)} cannot be read; name in env what must win" if secrets else ""
    source = ", ".join(layer.source for layer in layers)
    state = "Injected" if injection.entries else "Skipped"
    return _settle(deployment, injection, Status(state, source, note, left_out, cause), world)


def _settle(deployment: Mapping[str, Any], injection: Injection, status: Status, world: World) -> Decision:
    """Compare with what is there, and with how that fared."""
    template = fingerprint(users_template(deployment))
    known = Status.of(deployment["metadata"])
    if known is not None and known.state == "RolledBack" and (known.cause, known.template) == (status.cause, template):
        return _decision(deployment, NOTHING, known)
    failing = known is not None and rollout.failing(deployment, known, template)
    if known is not None and failing and known.cause == status.cause:
        if not (wait := rollout.time_left(deployment, world.now, world.grace)):
            return _roll_back(deployment, known, world)
        return Decision("Watched", "the rollout is under way", wait=wait)
    before = rollout.healthy(deployment) or failing
    stamped = replace(status, template=template, healthy=before)
    return _decision(deployment, injection, stamped)


def _roll_back(deployment: Mapping[str, Any], known: Status, world: World) -> Decision:
    seconds = int(world.now - applied_at(deployment["metadata"]))
    reason = f"not ready {seconds} s after the injection: {rollout.why(deployment)}"
    status = Status("RolledBack", known.profile, reason, {}, known.cause, known.template)
    return _decision(deployment, NOTHING, status)


def _decision(deployment: Mapping[str, Any], injection: Injection, status: Status) -> Decision:
    rolls = bool(applied_env(deployment)) and changes_template(deployment, injection)
    return Decision(
        status.state, _message(injection, status), patch(deployment, injection, status), status, injection, rolls
    )


def _restrained(deployment: Mapping[str, Any], decision: Decision) -> Decision:
    """Write nothing where the user asked for a rehearsal; wait where the Deployment is paused, or just changed."""
    if _rehearsal(deployment):
        return Decision("DryRun", f"would be {decision.reason}: {decision.message}", injection=decision.injection)
    if deployment["spec"].get("paused") and decision.body and changes_template(deployment, decision.injection):
        return Decision("Paused", f"waits until the Deployment is resumed, then: {decision.reason}")
    if decision.body and rollout.behind(deployment):
        return Decision("Watched", "the status will say how the Deployment fares", wait=BEHIND)
    return decision


def _rehearsal(deployment: Mapping[str, Any]) -> bool:
    return (deployment["metadata"].get("annotations") or {}).get(MODE) == "dry-run"


def _message(injection: Injection, status: Status) -> str:
    parts = [f"{name}: {', '.join(e['name'] for e in injection.env(name))}" for name in injection.containers]
    parts += [f"profile {status.profile}"] if injection.entries else []
    parts += [status.reason] if status.reason else []
    parts += [f"left out {name} ({reason})" for name, reason in status.left_out.items()]
    return "; ".join(parts)


def _acknowledged(deployment: Mapping[str, Any]) -> str:
    return str((deployment["metadata"].get("annotations") or {}).get(ACKNOWLEDGED, ""))
