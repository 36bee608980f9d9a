"""Changes of ownership: managedFields to write where an environment entry changes hands.

Managed fields may be rewritten for a change of hands; kubectl does so from client-side to server-side apply.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from spanloom_operator.injection.ownership import CONTAINER_LISTS, VALUE_FIELDS, fields_at, is_ours, name_of
from spanloom_operator.names import LEGACY_FIELD_MANAGER, STATUS_ANNOTATION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spanloom_operator.injection.workload import Workload
    from spanloom_operator.kinds import Kind

Fields = dict[str, Any]
WHOLE: Fields = {".": {}, "f:name": {}}
"""Fields of an env entry whose value has no owner."""


def changed_owners(workload: Workload) -> list[Fields]:
    """Return managedFields after every pending change of hands.

    Entries whose value a user has changed become theirs. Entries that the marker recognizes in a copy become the
    operator's. What versions up to 0.1 owned becomes this installation's.
    """
    fields, pod = _copied(workload), workload.kind.pod_fields
    own = _own_entry(fields, workload.ownership.manager, workload.kind)
    for entry in fields:
        for containers, container, env in _env_fields(entry, pod):
            _hand_over(env, name_of(container), workload, is_own=entry is own)
            _drop_empty(entry["fieldsV1"], *pod, containers, container, "f:env")
    for where, name in sorted(workload.reclaimed):
        _claim(own, workload, where, name)
    return [entry for entry in fields if entry["fieldsV1"]]


def without_values(workload: Workload) -> list[Fields]:
    """Return managedFields in which the operator owns its entries but not their values.

    Another manager's server-side apply then changes a value without a conflict.
    """
    fields = _copied(workload)
    for entry in fields:
        if is_ours(entry, workload.ownership.manager):
            for _, _, env in _env_fields(entry, workload.kind.pod_fields):
                for key in [key for key in env if key != "."]:
                    env[key] = {part: held for part, held in env[key].items() if part not in VALUE_FIELDS}
    return fields


def _copied(workload: Workload) -> list[Fields]:
    return [deepcopy(dict(entry)) for entry in workload.managed_fields]


def _own_entry(fields: list[Fields], manager: str, kind: Kind) -> Fields:
    """Return the entry of `manager` with what versions up to 0.1 owned, without their status annotation."""
    own, legacy = _find(fields, manager), _find(fields, LEGACY_FIELD_MANAGER)
    if own is None:
        own = {
            "manager": manager,
            "operation": "Apply",
            "apiVersion": kind.api_version,
            "fieldsType": "FieldsV1",
            "fieldsV1": {},
        }
        fields.append(own)
    if legacy is not None:
        fields.remove(legacy)
        legacy["fieldsV1"].get("f:metadata", {}).get("f:annotations", {}).pop(f"f:{STATUS_ANNOTATION}", None)
        _drop_empty(legacy["fieldsV1"], "f:metadata", "f:annotations")
        _merge(own["fieldsV1"], legacy["fieldsV1"])
    return own


def _find(fields: list[Fields], manager: str) -> Fields | None:
    return next((entry for entry in fields if entry.get("manager") == manager and is_ours(entry, manager)), None)


def _merge(into: Fields, other: Fields) -> None:
    for key, value in other.items():
        _merge(into.setdefault(key, {}), value)


def _hand_over(env: Fields, container: str, workload: Workload, *, is_own: bool) -> None:
    for key in [key for key in env if key != "."]:
        where = container, name_of(key)
        if where in (workload.taken if is_own else workload.reclaimed):
            del env[key]
        elif where in workload.taken:
            env[key] = {**WHOLE, **env[key]}


def _claim(own: Fields, workload: Workload, container: str, name: str) -> None:
    found = next(each for each in workload.all_containers if each.name == container)
    entry = next(entry for entry in found.env if entry["name"] == name)
    source = entry.get("valueFrom") or {}
    value: Fields = {"f:valueFrom": {f"f:{kind}": {} for kind in source}} if source else {"f:value": {}}
    held: Fields = own["fieldsV1"]
    for step in (*workload.kind.pod_fields, CONTAINER_LISTS[found.is_init], _key(container), "f:env"):
        held = held.setdefault(step, {})
    held[_key(name)] = {**WHOLE, **value}


def _key(name: str) -> str:
    return "k:" + json.dumps({"name": name}, separators=(",", ":"))


def _env_fields(entry: Fields, pod: tuple[str, ...]) -> Iterator[tuple[str, str, Fields]]:
    """Yield list, key and env fields of every container with env fields."""
    fields = fields_at(entry, *pod)
    for containers in CONTAINER_LISTS:
        for container, held in list((fields.get(containers) or {}).items()):
            if env := held.get("f:env"):
                yield containers, container, env


def _drop_empty(fields: Fields, *path: str) -> None:
    """Remove what has become empty along `path`: `f:env: {}` would mean that the manager owns the list itself."""
    child = fields.get(path[0]) if path else None
    if child is not None:
        _drop_empty(child, *path[1:])
        if not child:
            del fields[path[0]]
