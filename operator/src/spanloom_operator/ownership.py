"""Who owns which environment entry of a Deployment, read from its managedFields.

The API server keeps this record; it is the operator's only memory of what it added, so nothing has to be stored
and nothing can go stale.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from copy import deepcopy
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MANAGER = "spanloom"
STATUS = "spanloom.dev/status"
CONTAINERS = ("f:spec", "f:template", "f:spec", "f:containers")


def owned_env(deployment: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Names of the env entries that are ours alone, by container.

    An entry that somebody else applied too stays when we let go: it counts as theirs.
    """
    ours, theirs = applied_env(deployment), _env_fields(deployment, ours=False)
    return {
        container: alone for container, names in ours.items() if (alone := names - theirs.get(container, frozenset()))
    }


def applied_env(deployment: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Names of all env entries that our last apply held, by container."""
    return _env_fields(deployment, ours=True)


def applied_at(metadata: Mapping[str, Any]) -> float:
    """Return when our last apply changed something (seconds since the epoch); 0 when nothing is ours."""
    times = [str(entry["time"]) for entry in metadata.get("managedFields") or () if _is_ours(entry)]
    return datetime.fromisoformat(times[0]).timestamp() if times else 0


def env_managers(deployment: Mapping[str, Any]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Field managers of every env entry, by container and name."""
    managers: defaultdict[tuple[str, str], tuple[str, ...]] = defaultdict(tuple)
    for entry in deployment["metadata"].get("managedFields") or ():
        for container, names in _entry_env(entry).items():
            for name in names:
                managers[container, name] += (str(entry.get("manager", "")),)
    return dict(managers)


def owns_anything(metadata: Mapping[str, Any]) -> bool:
    """Whether our field manager owns any field of the object with this `metadata`."""
    return any(_is_ours(entry) for entry in metadata.get("managedFields") or ())


def users_template(deployment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the pod template as it would be without us; to be read only, most of it is the Deployment's own."""
    template, owned = deployment["spec"]["template"], owned_env(deployment)
    containers = [_without(each, owned.get(each["name"], frozenset())) for each in template["spec"]["containers"]]
    return {**template, "spec": {**template["spec"], "containers": containers}}


def _without(container: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    env = [entry for entry in container.get("env") or () if entry["name"] not in names]
    rest = {key: value for key, value in container.items() if key != "env"}
    return {**rest, "env": env} if env else rest


def handover(deployment: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Return managedFields in which entries that others have changed are theirs whole; None when they are already.

    Who changes the value of an entry of ours owns the value only, and the API server would remove the entry, their
    value included, as soon as we let go of it. Managed fields may be rewritten for such a change of hands (kubectl
    does, from client-side to server-side apply).
    """
    taken = _taken(deployment)
    if not taken:
        return None
    fields = deepcopy(list(deployment["metadata"]["managedFields"]))
    for entry in fields:
        for container, held in _at(entry, *CONTAINERS).items():
            env = held.get("f:env") or {}
            for key in [key for key in env if (_key(container), _key(key)) in taken]:
                if _is_ours(entry):
                    del env[key]
                else:
                    env[key] = {".": {}, "f:name": {}, **env[key]}
    return fields


def _taken(deployment: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Container and name of our entries of which others own a part, but not the entry itself."""
    ours = {(container, name) for container, names in applied_env(deployment).items() for name in names}
    parts: set[tuple[str, str]] = set()
    for entry in deployment["metadata"].get("managedFields") or ():
        for container, held in _at(entry, *CONTAINERS).items():
            if not _is_ours(entry):
                env = held.get("f:env") or {}
                parts |= {(_key(container), _key(key)) for key, part in env.items() if key != "." and "." not in part}
    return parts & ours


def fingerprint(value: object) -> str:
    """Twelve hexadecimal digits that change when `value` (JSON) does."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def foreign_status(metadata: Mapping[str, Any]) -> str | None:
    """Return the field manager that took over our status annotation, or None."""
    for entry in metadata.get("managedFields") or ():
        if not _is_ours(entry) and f"f:{STATUS}" in _at(entry, "f:metadata", "f:annotations"):
            return str(entry.get("manager", "another field manager"))
    return None


def _is_ours(entry: Mapping[str, Any]) -> bool:
    return entry.get("manager") == MANAGER and entry.get("operation") == "Apply" and not entry.get("subresource")


def _at(entry: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = entry.get("fieldsV1") or {}
    for step in path:
        fields = fields.get(step) or {}
    return fields


def _env_fields(deployment: Mapping[str, Any], *, ours: bool) -> dict[str, frozenset[str]]:
    names: defaultdict[str, frozenset[str]] = defaultdict(frozenset)
    for entry in deployment["metadata"].get("managedFields") or ():
        if _is_ours(entry) == ours:
            for container, found in _entry_env(entry).items():
                names[container] |= found
    return dict(names)


def _entry_env(entry: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    containers = _at(entry, *CONTAINERS).items()
    found = {_key(key): frozenset(map(_key, fields.get("f:env") or ())) - {""} for key, fields in containers}
    return {container: names for container, names in found.items() if names}


@lru_cache(maxsize=4096)
def _key(field: str) -> str:
    """Return the name in `k:{"name":"shop"}`; "" for the list's own marker."""
    return str(json.loads(field[2:])["name"]) if field.startswith("k:") else ""
