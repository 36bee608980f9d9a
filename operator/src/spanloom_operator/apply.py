"""From an Injection to one server-side apply, or to none.

The body names exactly what the operator owns: applying it again changes nothing, applying it without an entry takes
that entry back, and what somebody else owns is never in it, so nothing has to be forced.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from spanloom_operator.inject import Injection
from spanloom_operator.ownership import STATUS, applied_env, owns_anything

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTHING = Injection()


@dataclass(frozen=True)
class Status:
    """What the status annotation says. `left_out` holds reasons by `container/NAME`.

    `cause` is the fingerprint of profiles and acknowledgement, `template` that of the user's pod template. `healthy`
    tells whether the Deployment was when this was written. When that was, managedFields say: with a time in it, two
    operators that decide the same would still write twice.
    """

    state: str
    profile: str = ""
    reason: str = ""
    left_out: Mapping[str, str] = field(default_factory=dict)
    cause: str = ""
    template: str = ""
    healthy: bool = False

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Self | None:
        """Read the annotation; None when it is absent or not ours to understand."""
        try:
            return cls(**json.loads((metadata.get("annotations") or {})[STATUS]))
        except (KeyError, TypeError, ValueError):
            return None

    def text(self) -> str:
        """Return the annotation's value: JSON without what is empty."""
        return json.dumps({key: value for key, value in asdict(self).items() if value}, separators=(",", ":"))

    @property
    def told(self) -> tuple[object, ...]:
        """What a reader learns from it: only a change of this is worth a write."""
        return (self.state, self.profile, self.reason, tuple(sorted(self.left_out.items())))


def patch(deployment: Mapping[str, Any], injection: Injection, status: Status) -> dict[str, Any] | None:
    """Return the body to apply so that `deployment` has `injection` and `status`; None when it has."""
    known = Status.of(deployment["metadata"])
    if known is not None and known.told == status.told and not changes_template(deployment, injection):
        return None
    return body(deployment, injection, status)


def withdrawal(deployment: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the body that takes back all that is ours; None when nothing is."""
    return body(deployment, NOTHING, None) if owns_anything(deployment["metadata"]) else None


def changes_template(deployment: Mapping[str, Any], injection: Injection) -> bool:
    """Whether applying `injection` would change the pod template or its ownership."""
    applied = applied_env(deployment)
    wanted = {container: frozenset(e["name"] for e in injection.env(container)) for container in injection.containers}
    return applied != wanted or any(
        _plain(entry) not in [_plain(live) for live in _live_env(deployment, container)]
        for container in wanted
        for entry in injection.env(container)
    )


def body(deployment: Mapping[str, Any], injection: Injection, status: Status | None) -> dict[str, Any]:
    """Return the whole set of fields to own. The uid keeps it from reaching a later Deployment of the same name."""
    metadata = {key: deployment["metadata"][key] for key in ("name", "namespace", "uid")}
    applied: dict[str, Any] = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata}
    if status is not None:
        metadata["annotations"] = {STATUS: status.text()}
    if injection.entries:
        containers = [{"name": name, "env": injection.env(name)} for name in injection.containers]
        applied["spec"] = {"template": {"spec": {"containers": containers}}}
    return applied


def _live_env(deployment: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    containers = deployment["spec"]["template"]["spec"]["containers"]
    return [entry for container in containers if container["name"] == name for entry in container.get("env") or ()]


def _plain(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Drop an empty value: the API server does too."""
    return {key: value for key, value in entry.items() if value != ""}
