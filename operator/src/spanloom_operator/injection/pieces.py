"""Pieces of a pod template that the operator may own: items of its lists, each with a key of its own.

They are all environment variables, and the agent's mounts, volume and init container. Server-side apply knows the items
by the same keys.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from spanloom_operator.names import AGENT, AGENT_MOUNT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

ENV, MOUNTS, VOLUMES, INIT_CONTAINERS = "env", "volumeMounts", "volumes", "initContainers"
KEYS = {ENV: "name", MOUNTS: "mountPath", VOLUMES: "name", INIT_CONTAINERS: "name"}
"""Field that identifies an item, by list."""
CONTAINER_LISTS = {"containers": (ENV, MOUNTS), INIT_CONTAINERS: (ENV,)}
"""Lists of containers, and those of their own lists that have pieces."""
POD_LISTS = (VOLUMES, INIT_CONTAINERS)
AGENT_KEYS = {MOUNTS: AGENT_MOUNT, VOLUMES: AGENT, INIT_CONTAINERS: AGENT}
"""The only item of each list that may be the operator's; of env every one may."""

Body = dict[str, Any]
"""An item as Kubernetes writes it."""
Path = tuple[str, ...]
"""Steps in the fields of an entry of managedFields."""


class Piece(NamedTuple):
    """An item of a list by its key; `container` is "" for lists of the pod."""

    kind: str
    container: str
    key: str


AGENT_VOLUME = Piece(VOLUMES, "", AGENT)
AGENT_INIT_CONTAINER = Piece(INIT_CONTAINERS, "", AGENT)


def live_pieces(pod: Mapping[str, Any]) -> dict[Piece, Body]:
    """Return the items of a pod's spec that may be the operator's."""
    found: dict[Piece, Body] = {}
    for kind, lists in CONTAINER_LISTS.items():
        for container in pod.get(kind) or ():
            for each in lists:
                found |= _items(each, container["name"], container)
    for each in POD_LISTS:
        found |= _items(each, "", pod)
    return found


def managed_pieces(pod: Mapping[str, Any], *, is_ours: bool) -> Iterator[tuple[Piece, Path, str]]:
    """Yield each piece in one manager's fields of a pod's spec, the path of its list, and its key in there.

    `is_ours`: the manager is the operator. Its own init container has no env; in one with env, only the env is its own.
    """
    for kind, lists in CONTAINER_LISTS.items():
        for key, held in (pod.get(f"f:{kind}") or {}).items():
            if key != ".":
                for each in lists:
                    yield from _managed(each, key_of(key), held, (f"f:{kind}", key))
    for each in POD_LISTS:
        for found in _managed(each, "", pod, ()):
            if not (is_ours and "f:env" in pod[found[1][0]][found[2]]):
                yield found


def without_pieces(pod: Mapping[str, Any], owned: Collection[Piece]) -> Body:
    """Return a pod's spec without these pieces, and without lists that have become empty."""
    result = _without(VOLUMES, "", pod, owned)
    containers = {kind: _without(kind, "", pod, owned).get(kind) or [] for kind in CONTAINER_LISTS}
    for kind, found in containers.items():
        result[kind] = [_bare(each, owned) for each in found]
    return result


@lru_cache(maxsize=4096)
def key_of(field_key: str) -> str:
    """Return the value in `k:{"name":"shop"}`; "" for a key of several fields, or of another kind."""
    if not field_key.startswith("k:"):
        return ""
    values = list(json.loads(field_key[2:]).values())
    return str(values[0]) if len(values) == 1 else ""


def field_key(piece: Piece) -> str:
    """Return the key of a piece in managedFields."""
    return _field_key(KEYS[piece.kind], piece.key)


def list_path(piece: Piece, *, is_init: bool) -> Path:
    """Return the path of a piece's list in the fields of a pod's spec; `is_init`: it is an init container's."""
    if not piece.container:
        return (f"f:{piece.kind}",)
    return f"f:{INIT_CONTAINERS if is_init else 'containers'}", _field_key("name", piece.container), f"f:{piece.kind}"


def _field_key(field: str, value: str) -> str:
    return "k:" + json.dumps({field: value}, separators=(",", ":"))


def _may_be_ours(kind: str, key: str) -> bool:
    return kind == ENV or key == AGENT_KEYS[kind]


def _items(kind: str, container: str, holder: Mapping[str, Any]) -> dict[Piece, Body]:
    items, key = holder.get(kind) or (), KEYS[kind]
    return {Piece(kind, container, item[key]): item for item in items if _may_be_ours(kind, item[key])}


def _managed(kind: str, container: str, held: Mapping[str, Any], base: Path) -> Iterator[tuple[Piece, Path, str]]:
    path = (*base, f"f:{kind}")
    for key in held.get(f"f:{kind}") or ():
        if key != "." and _may_be_ours(kind, key_of(key)):
            yield Piece(kind, container, key_of(key)), path, key


def _bare(container: Mapping[str, Any], owned: Collection[Piece]) -> Body:
    return _without(MOUNTS, container["name"], _without(ENV, container["name"], container, owned), owned)


def _without(kind: str, container: str, holder: Mapping[str, Any], owned: Collection[Piece]) -> Body:
    key = KEYS.get(kind, "name")
    kept = [item for item in holder.get(kind) or () if Piece(kind, container, item[key]) not in owned]
    rest = {name: value for name, value in holder.items() if name != kind}
    return {**rest, kind: kept} if kept else rest
