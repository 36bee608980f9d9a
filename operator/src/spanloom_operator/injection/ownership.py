"""Who owns which piece of a workload's pod template: its managedFields, read once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from spanloom_operator.injection.pieces import CONTAINER_LISTS, KEYS, managed_pieces
from spanloom_operator.names import LEGACY_FIELD_MANAGER, STATUS_ANNOTATION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from spanloom_operator.injection.pieces import Piece


@dataclass(frozen=True)
class Share:
    """What one field manager owns of a piece: the whole item, or only fields of it, its value."""

    manager: str
    is_ours: bool
    is_apply: bool
    is_whole: bool
    has_value: bool


@dataclass(frozen=True)
class Ownership:
    """Shares of every piece. `manager` is the operator's own field manager.

    `is_ours` is true when that manager, or the one of versions up to 0.1, owns any field; `is_legacy` when the latter
    does. `has_other_appliers` is true when another manager applies containers server-side, as Helm 4 does: such a
    manager gets a conflict when it changes a value that the operator owns. `status_appliers` are managers that apply
    the status annotation of versions up to 0.1.
    """

    manager: str
    shares: Mapping[Piece, tuple[Share, ...]] = field(default_factory=dict)
    is_ours: bool = False
    is_legacy: bool = False
    has_other_appliers: bool = False
    status_appliers: tuple[str, ...] = ()

    @classmethod
    def from_managed_fields(cls, entries: Sequence[Mapping[str, Any]], manager: str, pod: tuple[str, ...]) -> Ownership:
        """Read the managedFields of a workload; `pod` is the path of its pod's spec in them (`Kind.pod_fields`)."""
        shares: defaultdict[Piece, tuple[Share, ...]] = defaultdict(tuple)
        ours = [entry for entry in entries if is_ours(entry, manager)]
        others = [entry for entry in entries if entry.get("operation") == "Apply" and entry not in ours]
        for entry in entries:
            for piece, share in _shares(entry, manager, pod):
                shares[piece] += (share,)
        return cls(
            manager,
            dict(shares),
            bool(ours),
            any(entry["manager"] == LEGACY_FIELD_MANAGER for entry in ours),
            any(_has_containers(entry, pod) for entry in others),
            tuple(entry["manager"] for entry in others if _owns_status_annotation(entry)),
        )

    @cached_property
    def applied(self) -> frozenset[Piece]:
        """The pieces in the operator's last apply."""
        return frozenset(piece for piece, shares in self.shares.items() if _is_applied(shares))

    def is_alone(self, piece: Piece) -> bool:
        """Return whether the operator owns a piece and no other manager owns a part of it."""
        shares = self.shares.get(piece, ())
        return _is_applied(shares) and all(share.is_ours for share in shares)

    def is_taken(self, piece: Piece) -> bool:
        """Return whether another manager has changed the value of a piece that is still the operator's.

        The API server would remove the item, their value included, as soon as the operator lets go of it.
        """
        shares = self.shares.get(piece, ())
        others = [share for share in shares if not share.is_ours]
        return _is_applied(shares) and bool(others) and not any(share.is_whole for share in others)

    def was_copied(self, piece: Piece) -> bool:
        """Return whether another manager updated a piece, and none applies it: a copy may have brought it."""
        others = [share for share in self.shares.get(piece, ()) if not share.is_ours]
        return bool(others) and not any(share.is_apply for share in others)

    @property
    def holds_values(self) -> bool:
        """Return whether the operator owns the value of any piece."""
        return any(share.is_ours and share.has_value for shares in self.shares.values() for share in shares)

    def managers(self, piece: Piece) -> tuple[str, ...]:
        """Return the field managers of a piece."""
        return tuple(share.manager for share in self.shares.get(piece, ()))


def is_ours(entry: Mapping[str, Any], manager: str) -> bool:
    """Return whether an entry of managedFields is that of `manager`, or of the operator's versions up to 0.1."""
    by_name = entry.get("manager") in {manager, LEGACY_FIELD_MANAGER}
    return by_name and entry.get("operation") == "Apply" and not entry.get("subresource")


def fields_at(entry: Mapping[str, Any], *path: str) -> Any:
    """Return the fields of an entry of managedFields below `path`; {} when there are none."""
    fields = entry.get("fieldsV1") or {}
    for step in path:
        fields = fields.get(step) or {}
    return fields


def _is_applied(shares: Sequence[Share]) -> bool:
    return any(share.is_ours and share.is_whole for share in shares)


def _has_containers(entry: Mapping[str, Any], pod: tuple[str, ...]) -> bool:
    fields = fields_at(entry, *pod)
    return any(key != "." for kind in CONTAINER_LISTS for key in fields.get(f"f:{kind}") or ())


def _shares(entry: Mapping[str, Any], manager: str, pod: tuple[str, ...]) -> Iterator[tuple[Piece, Share]]:
    ours, is_apply = is_ours(entry, manager), entry.get("operation") == "Apply"
    for piece, path, key in managed_pieces(fields_at(entry, *pod), is_ours=ours):
        parts = fields_at(entry, *pod, *path)[key]
        has_value = bool(parts.keys() - {".", f"f:{KEYS[piece.kind]}"})
        yield piece, Share(str(entry.get("manager", "")), ours, is_apply, "." in parts, has_value)


def _owns_status_annotation(entry: Mapping[str, Any]) -> bool:
    return f"f:{STATUS_ANNOTATION}" in fields_at(entry, "f:metadata", "f:annotations")
