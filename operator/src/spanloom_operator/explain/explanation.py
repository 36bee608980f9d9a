"""What `spanloom explain` says about one workload."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Variable:
    """One variable of one container: its value, the `source` that sets it, and the field managers that own it."""

    container: str
    name: str
    value: str
    source: str
    owner: str


@dataclass(frozen=True)
class Skipped:
    """One variable that is not injected; `name` is empty when the reason concerns the whole container."""

    container: str
    name: str
    reason: str
    owner: str


@dataclass(frozen=True)
class Attribute:
    """One resource attribute of one container, as OTEL_RESOURCE_ATTRIBUTES or OTEL_SERVICE_NAME carries it."""

    container: str
    name: str
    value: str
    source: str


@dataclass(frozen=True)
class Mount:
    """The agent in one container: where it is mounted, its image, how that is delivered, and who owns the mount."""

    container: str
    path: str
    image: str
    delivery: str
    source: str
    owner: str


@dataclass(frozen=True)
class Explanation:
    """The outcome for a workload, and why.

    `reported` is what the operator last reported. `operator` names the installation whose settings count, empty when
    none is known. `profiles` are `namespace/name`, the first wins. `notes` say what could not be read.
    """

    kind: str
    namespace: str
    name: str
    outcome: str
    message: str = ""
    reported: str = ""
    operator: str = ""
    profiles: tuple[str, ...] = ()
    variables: tuple[Variable, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    notes: tuple[str, ...] = ()
    agent: tuple[Mount, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return JSON's own types."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
