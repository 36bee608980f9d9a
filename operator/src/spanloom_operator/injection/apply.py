"""The body of one server-side apply: exactly the fields that the operator owns.

Applying it again changes nothing; applying it without an entry removes that entry; what others own is never in
it, so nothing has to be forced. It carries the resourceVersion it was decided on: the API server refuses it (409) when
the workload has changed since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanloom_operator.injection.digests import normalized
from spanloom_operator.injection.pieces import ENV, INIT_CONTAINERS, MOUNTS, VOLUMES, Body, Piece
from spanloom_operator.names import STATUS_ANNOTATION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from spanloom_operator.injection.environment import Injection
    from spanloom_operator.injection.workload import Container, Workload


def body(workload: Workload, injection: Injection) -> dict[str, Any]:
    """Return what to apply. The uid keeps it from reaching a later workload of the same name."""
    kind, metadata = workload.kind, _identity(workload)
    applied: dict[str, Any] = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata}
    pod = {name: listed for name, listed in _lists(workload, injection.pieces) if listed}
    if pod:
        applied |= kind.with_pod(pod)
    return applied


def managed_fields_patch(workload: Workload, fields: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a merge patch that changes owners, and removes the status annotation of versions up to 0.1."""
    metadata: dict[str, Any] = {"resourceVersion": workload.resource_version, "managedFields": fields}
    if workload.has_legacy_status:
        metadata["annotations"] = {STATUS_ANNOTATION: None}
    return {"metadata": metadata}


def changes_template(workload: Workload, injection: Injection) -> bool:
    """Return whether applying `injection` would change the pod template or its ownership."""
    expected, live = injection.pieces, workload.live
    return workload.applied != expected.keys() or any(not _is_so(each, live[each], expected[each]) for each in expected)


def _is_so(piece: Piece, live: Body, expected: Body) -> bool:
    """Return whether an item has the expected fields; a variable has no others."""
    if live == expected:
        return True
    stored, applied = normalized(piece, live), normalized(piece, expected)
    return stored == applied if piece.kind == ENV else _contains(stored, applied)


def _contains(live: Any, expected: Any) -> bool:
    """Return whether `live` has the fields of `expected`: defaults, and what others add, are no difference."""
    if isinstance(expected, dict) and isinstance(live, dict):
        return all(key in live and _contains(live[key], value) for key, value in expected.items())
    if isinstance(expected, list) and isinstance(live, list):
        return len(live) == len(expected) and all(map(_contains, live, expected))
    return bool(live == expected)


def _lists(workload: Workload, pieces: Mapping[Piece, Body]) -> Iterator[tuple[str, list[Body]]]:
    """Yield the lists of the pod's spec: containers in the order that they have, the agent's init container last."""
    yield "containers", list(_containers(workload.containers, pieces))
    own = _items(pieces, INIT_CONTAINERS, "")
    yield INIT_CONTAINERS, [*_containers(workload.init_containers, pieces), *own]
    yield VOLUMES, _items(pieces, VOLUMES, "")


def _containers(containers: tuple[Container, ...], pieces: Mapping[Piece, Body]) -> Iterator[Body]:
    for each in containers:
        lists = {kind: _items(pieces, kind, each.name) for kind in (ENV, MOUNTS)}
        if any(lists.values()):
            yield {"name": each.name, **{kind: items for kind, items in lists.items() if items}}


def _items(pieces: Mapping[Piece, Body], kind: str, container: str) -> list[Body]:
    return [body for piece, body in pieces.items() if (piece.kind, piece.container) == (kind, container)]


def _identity(workload: Workload) -> dict[str, str]:
    identity = {"name": workload.name, "namespace": workload.namespace, "uid": workload.uid}
    return {**identity, "resourceVersion": workload.resource_version}
