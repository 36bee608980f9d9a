"""What the operator remembers about a workload: the status of its OtelInjection."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from spanloom_operator.injection.agent import PlacedAgent
from spanloom_operator.injection.environment import Injection, SkippedVariable
from spanloom_operator.kinds import DEPLOYMENT, KINDS, WorkloadKey
from spanloom_operator.names import API_VERSION, INJECTION_KIND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spanloom_operator.injection.workload import Workload

INJECTED, SKIPPED, INVALID, ROLLED_BACK, DRY_RUN = "Injected", "Skipped", "Invalid", "RolledBack", "DryRun"
STATES = (INJECTED, SKIPPED, INVALID, ROLLED_BACK, DRY_RUN)


@dataclass(frozen=True)
class Guard:
    """What the automatic rollback stores about the last injection.

    `template` is the fingerprint of the user's pod template, `cause` that of profiles and acknowledgement. The rollout
    `started` (seconds since the epoch) at `generation`. `was_healthy`: the workload was healthy before;
    `is_rolled_out`: the injection has proved to be harmless. `updated`: the pods that were replaced at the last look.
    """

    cause: str = ""
    template: str = ""
    generation: int = 0
    started: float = 0
    was_healthy: bool = False
    is_rolled_out: bool = False
    updated: int = 0

    @property
    def is_armed(self) -> bool:
        """True while a failing rollout would be the injection's fault."""
        return self.was_healthy and not self.is_rolled_out


@dataclass(frozen=True)
class Record:
    """State, reason and content of an injection. `since` (seconds since the epoch) is when this state began.

    `variables` are the names of the injected variables by container.
    """

    state: str
    profile: str = ""
    reason: str = ""
    variables: tuple[tuple[str, tuple[str, ...]], ...] = ()
    skipped: tuple[SkippedVariable, ...] = ()
    since: float = 0
    guard: Guard = Guard()
    agent: PlacedAgent | None = None

    @classmethod
    def from_injection(cls, state: str, profile: str, reason: str, injection: Injection, guard: Guard) -> Self:
        """Describe an injection."""
        names = tuple((name, tuple(entry["name"] for entry in injection.env(name))) for name in injection.containers)
        agent = injection.agent.placed if injection.agent else None
        return cls(state, profile, reason, names, injection.skipped, guard=guard, agent=agent)

    @property
    def containers(self) -> tuple[str, ...]:
        """Names of the injected containers."""
        return tuple(name for name, _ in self.variables)

    def continued(self, previous: Record | None, now: float) -> Record:
        """Return this record with the time of `previous` when nothing a reader learns from it has changed."""
        same = previous is not None and replace(previous, since=0, guard=Guard()) == replace(
            self, since=0, guard=Guard()
        )
        return replace(self, since=previous.since if same and previous else now)

    @property
    def to_persist(self) -> Record:
        """The record without what needs no write: the generation of a guard that is not armed."""
        idle = replace(self.guard, generation=0, started=0, updated=0)
        return self if self.guard.is_armed else replace(self, guard=idle)

    def body(self, workload: Workload, installation: str) -> dict[str, Any]:
        """Return the OtelInjection, owned by the workload."""
        kind = workload.kind
        owner = {"apiVersion": kind.api_version, "kind": kind.name, "name": workload.name, "uid": workload.uid}
        name = workload.key.injection_name
        metadata = {"name": name, "namespace": workload.namespace, "ownerReferences": [owner]}
        return {
            "apiVersion": API_VERSION,
            "kind": INJECTION_KIND,
            "metadata": metadata,
            "status": self._status(installation),
        }

    def _status(self, installation: str) -> dict[str, Any]:
        return {
            "state": self.state,
            "profile": self.profile,
            "reason": self.reason,
            "summary": ", ".join(f"{name} ({len(variables)})" for name, variables in self.variables),
            "since": _time(self.since),
            "installation": installation,
            "containers": [{"name": name, "variables": list(variables)} for name, variables in self.variables],
            **({"agent": asdict(self.agent)} if self.agent else {}),
            "skipped": [_without_empty(asdict(skipped)) for skipped in self.skipped],
            "conditions": [self._injected_condition(), self._rolled_out_condition()],
            "guard": {
                "cause": self.guard.cause,
                "template": self.guard.template,
                "generation": self.guard.generation,
                "started": _time(self.guard.started),
                "wasHealthy": self.guard.was_healthy,
                "isRolledOut": self.guard.is_rolled_out,
                "updated": self.guard.updated,
            },
        }

    def _injected_condition(self) -> dict[str, str]:
        return _condition("Injected", self.state == INJECTED, self.state, self.reason, self.since)

    def _rolled_out_condition(self) -> dict[str, str]:
        reason = "Complete" if self.guard.is_rolled_out else "Pending"
        return _condition("RolledOut", self.guard.is_rolled_out, reason, "", self.since)


def record_key(found: Mapping[str, Any]) -> WorkloadKey:
    """Return the workload that owns an OtelInjection; without such an owner, the Deployment of the same name."""
    metadata = found["metadata"]
    owners = [owner for owner in metadata.get("ownerReferences") or () if owner.get("kind") in KINDS]
    owner = owners[0] if owners else {"kind": DEPLOYMENT.name, "name": metadata["name"]}
    return WorkloadKey(metadata["namespace"], owner["name"], owner["kind"])


def from_injection_object(found: Mapping[str, Any], uid: str) -> Record | None:
    """Read an OtelInjection; None when it is not that of the workload `uid`, or cannot be read."""
    owners = found["metadata"].get("ownerReferences") or ()
    if uid not in {owner.get("uid") for owner in owners}:
        return None
    try:
        return _record(found["status"])
    except (KeyError, TypeError, ValueError):
        return None


def _record(status: Mapping[str, Any]) -> Record:
    guard = status["guard"]
    return Record(
        status["state"],
        status["profile"],
        status["reason"],
        tuple((each["name"], tuple(each["variables"])) for each in status["containers"]),
        tuple(SkippedVariable(each["container"], each.get("name", ""), each["reason"]) for each in status["skipped"]),
        _seconds(status["since"]),
        Guard(
            guard["cause"],
            guard["template"],
            int(guard["generation"]),
            _seconds(guard["started"]),
            guard["wasHealthy"],
            guard["isRolledOut"],
            int(guard.get("updated", 0)),
        ),
        _placed_agent(status.get("agent")),
    )


def _placed_agent(status: Mapping[str, Any] | None) -> PlacedAgent | None:
    return PlacedAgent(status["image"], status["delivery"], tuple(status["containers"])) if status else None


def _condition(kind: str, is_true: bool, reason: str, message: str, since: float) -> dict[str, str]:
    status = "True" if is_true else "False"
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": _time(since)}


def _without_empty(values: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in values.items() if value}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
