"""Who owns which environment entry of a workload: its managedFields, read once."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from spanloom_operator.names import LEGACY_FIELD_MANAGER, STATUS_ANNOTATION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CONTAINER_LISTS = ("f:containers", "f:initContainers")
VALUE_FIELDS = ("f:value", "f:valueFrom")

Entry = tuple[str, str]
"""Container and name of an environment variable."""


@dataclass(frozen=True)
class Share:
    """What one field manager owns of an environment entry: the whole entry, or only its value."""

    manager: str
    is_ours: bool
    is_apply: bool
    is_whole: bool
    has_value: bool


@dataclass(frozen=True)
class Ownership:
    """Shares of every env entry. `manager` is the operator's own field manager.

    `is_ours` is true when that manager, or the one of versions up to 0.1, owns any field; `is_legacy` when the latter
    does. `has_other_appliers` is true when another manager applies containers server-side, as Helm 4 does: such a
    manager gets a conflict when it changes a value that the operator owns. `status_appliers` are managers that apply
    the status annotation of versions up to 0.1.
    """

    manager: str
    shares: Mapping[Entry, tuple[Share, ...]] = field(default_factory=dict)
    is_ours: bool = False
    is_legacy: bool = False
    has_other_appliers: bool = False
    status_appliers: tuple[str, ...] = ()

    @classmethod
    def from_managed_fields(cls, entries: Sequence[Mapping[str, Any]], manager: str, pod: tuple[str, ...]) -> Ownership:
        """Read the managedFields of a workload; `pod` is the path of its pod's spec in them (`Kind.pod_fields`)."""
        shares: defaultdict[Entry, tuple[Share, ...]] = defaultdict(tuple)
        ours = [entry for entry in entries if is_ours(entry, manager)]
        others = [entry for entry in entries if entry.get("operation") == "Apply" and entry not in ours]
        for entry in entries:
            for where, share in _entry_shares(entry, manager, pod):
                shares[where] += (share,)
        return cls(
            manager,
            dict(shares),
            bool(ours),
            any(entry["manager"] == LEGACY_FIELD_MANAGER for entry in ours),
            any(_container_fields(entry, pod) for entry in others),
            tuple(entry["manager"] for entry in others if _owns_status_annotation(entry)),
        )

    def applied(self, container: str) -> frozenset[str]:
        """Return the names of the entries in the operator's last apply."""
        return frozenset(
            name for (where, name), shares in self.shares.items() if where == container and _is_applied(shares)
        )

    def is_alone(self, container: str, name: str) -> bool:
        """Return whether the operator owns an entry and no other manager owns a part of it."""
        shares = self.shares.get((container, name), ())
        return _is_applied(shares) and all(share.is_ours for share in shares)

    def is_taken(self, container: str, name: str) -> bool:
        """Return whether another manager has changed the value of an entry that is still the operator's.

        The API server would remove the entry, their value included, as soon as the operator lets go of it.
        """
        shares = self.shares.get((container, name), ())
        others = [share for share in shares if not share.is_ours]
        return _is_applied(shares) and bool(others) and not any(share.is_whole for share in others)

    def was_copied(self, container: str, name: str) -> bool:
        """Return whether another manager updated an entry, and none applies it: a copy may have brought it."""
        others = [share for share in self.shares.get((container, name), ()) if not share.is_ours]
        return bool(others) and not any(share.is_apply for share in others)

    @property
    def holds_values(self) -> bool:
        """Return whether the operator owns the value of any entry."""
        return any(share.is_ours and share.has_value for shares in self.shares.values() for share in shares)

    def managers(self, container: str, name: str) -> tuple[str, ...]:
        """Return the field managers of an entry."""
        return tuple(share.manager for share in self.shares.get((container, name), ()))


def is_ours(entry: Mapping[str, Any], manager: str) -> bool:
    """Return whether an entry of managedFields is that of `manager`, or of the operator's versions up to 0.1."""
    by_name = entry.get("manager") in {manager, LEGACY_FIELD_MANAGER}
    return by_name and entry.get("operation") == "Apply" and not entry.get("subresource")


def fields_at(entry: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """Return the fields of an entry of managedFields below `path`."""
    fields: Mapping[str, Any] = entry.get("fieldsV1") or {}
    for step in path:
        fields = fields.get(step) or {}
    return fields


@lru_cache(maxsize=4096)
def name_of(field_key: str) -> str:
    """Return the name in `k:{"name":"shop"}`; "" for any other key."""
    return str(json.loads(field_key[2:])["name"]) if field_key.startswith("k:") else ""


def _is_applied(shares: Sequence[Share]) -> bool:
    return any(share.is_ours and share.is_whole for share in shares)


def _container_fields(entry: Mapping[str, Any], pod: tuple[str, ...]) -> list[tuple[str, Mapping[str, Any]]]:
    fields = fields_at(entry, *pod)
    return [(key, held) for kind in CONTAINER_LISTS for key, held in (fields.get(kind) or {}).items() if key != "."]


def _entry_shares(entry: Mapping[str, Any], manager: str, pod: tuple[str, ...]) -> Iterator[tuple[Entry, Share]]:
    ours, is_apply = is_ours(entry, manager), entry.get("operation") == "Apply"
    for container, held in _container_fields(entry, pod):
        for key, parts in (held.get("f:env") or {}).items():
            if key != ".":
                has_value = any(part in parts for part in VALUE_FIELDS)
                share = Share(str(entry.get("manager", "")), ours, is_apply, "." in parts, has_value)
                yield (name_of(container), name_of(key)), share


def _owns_status_annotation(entry: Mapping[str, Any]) -> bool:
    return f"f:{STATUS_ANNOTATION}" in fields_at(entry, "f:metadata", "f:annotations")
