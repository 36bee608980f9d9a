"""Changes of ownership: managedFields to write where a piece changes hands.

Managed fields may be rewritten for a change of hands; kubectl does so from client-side to server-side apply.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from spanloom_operator.injection.ownership import fields_at, is_ours
from spanloom_operator.injection.pieces import KEYS, field_key, list_path, managed_pieces
from spanloom_operator.names import LEGACY_FIELD_MANAGER, STATUS_ANNOTATION

if TYPE_CHECKING:
    from spanloom_operator.injection.pieces import Piece
    from spanloom_operator.injection.workload import Workload
    from spanloom_operator.kinds import Kind

Fields = dict[str, Any]


def changed_owners(workload: Workload) -> list[Fields]:
    """Return managedFields after every pending change of hands.

    Pieces whose value a user has changed become theirs. Pieces that the marker recognizes in a copy become the
    operator's. What versions up to 0.1 owned becomes this installation's.
    """
    fields, pod = _copied(workload), workload.kind.pod_fields
    own = _own_entry(fields, workload.ownership.manager, workload.kind)
    for entry in fields:
        for piece, path, key in list(managed_pieces(fields_at(entry, *pod), is_ours=entry is own)):
            _hand_over(fields_at(entry, *pod, *path), piece, key, workload, is_own=entry is own)
            _drop_empty(entry["fieldsV1"], *pod, *path)
    for piece in sorted(workload.handover.reclaimed):
        _claim(own, piece, workload)
    return [entry for entry in fields if entry["fieldsV1"]]


def without_values(workload: Workload) -> list[Fields]:
    """Return managedFields in which the operator owns its pieces but not their values.

    Another manager's server-side apply then changes a value without a conflict.
    """
    fields, pod = _copied(workload), workload.kind.pod_fields
    for entry in fields:
        if is_ours(entry, workload.ownership.manager):
            for piece, path, key in list(managed_pieces(fields_at(entry, *pod), is_ours=True)):
                held = fields_at(entry, *pod, *path)
                held[key] = {part: below for part, below in held[key].items() if part in _whole(piece)}
    return fields


def _whole(piece: Piece) -> Fields:
    """Return the fields of a piece whose value has no owner."""
    return {".": {}, f"f:{KEYS[piece.kind]}": {}}


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


def _hand_over(held: Fields, piece: Piece, key: str, workload: Workload, *, is_own: bool) -> None:
    if piece in (workload.handover.taken if is_own else workload.handover.reclaimed):
        del held[key]
    elif piece in workload.handover.taken:
        held[key] = {**_whole(piece), **held[key]}


def _claim(own: Fields, piece: Piece, workload: Workload) -> None:
    """Own a piece; its value is owned with the next apply."""
    held: Fields = own["fieldsV1"]
    for step in (*workload.kind.pod_fields, *list_path(piece, is_init=workload.is_init(piece.container))):
        held = held.setdefault(step, {})
    held[field_key(piece)] = _whole(piece)


def _drop_empty(fields: Fields, *path: str) -> None:
    """Remove what has become empty along `path`: `f:env: {}` would mean that the manager owns the list itself."""
    child = fields.get(path[0]) if path else None
    if child is not None:
        _drop_empty(child, *path[1:])
        if not child:
            del fields[path[0]]
