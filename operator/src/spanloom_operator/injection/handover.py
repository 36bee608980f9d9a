"""Which pieces of a pod template are the operator's, and which are about to change hands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spanloom_operator.injection.digests import recognized
from spanloom_operator.injection.pieces import (
    AGENT_INIT_CONTAINER,
    AGENT_VOLUME,
    CONTAINER_LISTS,
    ENV,
    MOUNTS,
    Piece,
)
from spanloom_operator.names import AGENT, MARKER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from spanloom_operator.injection.ownership import Ownership
    from spanloom_operator.injection.pieces import Body


@dataclass(frozen=True)
class Handover:
    """`owned` are the pieces that are the operator's alone, `reclaimed` included.

    `taken` are pieces of the operator that a user has changed; `reclaimed` are pieces that a marker recognizes in a
    copied template.
    """

    owned: frozenset[Piece] = frozenset()
    taken: frozenset[Piece] = frozenset()
    reclaimed: frozenset[Piece] = frozenset()


def find_handover(pod: Mapping[str, Any], live: Mapping[Piece, Body], ownership: Ownership) -> Handover:
    """Return who has which piece of a pod's spec.

    What a user mounts is the user's: without the agent's volume, the API server would refuse a pod that mounts it.
    """
    reclaimed = frozenset(_reclaimed(live, ownership))
    taken = frozenset(each for each in ownership.applied if each not in reclaimed and ownership.is_taken(each))
    owned = reclaimed | frozenset(filter(ownership.is_alone, live))
    if AGENT_VOLUME not in owned or not _is_mounted_by_others(pod, owned):
        return Handover(owned, taken, reclaimed)
    volume = {AGENT_VOLUME}
    return Handover(owned - volume, taken | (volume & ownership.applied), reclaimed - volume)


def _reclaimed(live: Mapping[Piece, Body], ownership: Ownership) -> Iterator[Piece]:
    """Yield the copied pieces that a copied marker recognizes: the marker of their container, or any for the pod's."""
    for marker, body in live.items():
        if marker.kind == ENV and marker.key == MARKER and ownership.was_copied(marker):
            near = {each: found for each, found in live.items() if each.container in {marker.container, ""}}
            known = recognized(str(body.get("value", "")), near) | {marker}
            yield from (each for each in known if ownership.was_copied(each))


def _is_mounted_by_others(pod: Mapping[str, Any], owned: frozenset[Piece]) -> bool:
    return any(
        mount["name"] == AGENT and Piece(MOUNTS, container["name"], mount["mountPath"]) not in owned
        for kind in CONTAINER_LISTS
        for container in pod.get(kind) or ()
        if not (container["name"] == AGENT and AGENT_INIT_CONTAINER in owned)
        for mount in container.get("volumeMounts") or ()
    )
