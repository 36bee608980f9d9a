"""Digests of JSON values, and the marker variable that carries those of the injected pieces.

Kubernetes copies a pod template, env included, into ReplicaSets and back (`rollout undo`), and users copy it with
`kubectl get -o yaml`. Managed fields do not travel with it. The marker does: a piece whose digest it contains was
injected by the operator, regardless of who wrote it into this template.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from spanloom_operator.injection.pieces import ENV, INIT_CONTAINERS
from spanloom_operator.quantities import quantity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spanloom_operator.injection.pieces import Body, Piece

DIGEST_LENGTH = 8
DEFAULTS = {
    "imagePullPolicy": "IfNotPresent",
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
"""What the API server adds to a container."""
_encode = json.JSONEncoder(sort_keys=True).encode  # json.dumps makes an encoder for each call


def fingerprint(value: object) -> str:
    """Return twelve hexadecimal digits that change when `value` (JSON) does."""
    return hashlib.sha256(_encode(value).encode()).hexdigest()[:12]


def normalized(piece: Piece, body: Mapping[str, Any]) -> Body:
    """Return an item in a form that is the same before and after the API server has stored it."""
    if piece.kind == ENV:
        return {key: value for key, value in body.items() if value != ""}
    if piece.kind != INIT_CONTAINERS:
        return dict(body)
    own = {key: value for key, value in body.items() if DEFAULTS.get(key) != value}
    return {**own, "resources": _numbers(body.get("resources") or {})}


def marker_value(pieces: Mapping[Piece, Mapping[str, Any]]) -> str:
    """Return the value of the marker for these pieces of one container and its pod."""
    return " ".join(sorted(_digest(piece, body) for piece, body in pieces.items()))


def recognized(marker: str, pieces: Mapping[Piece, Mapping[str, Any]]) -> frozenset[Piece]:
    """Return the pieces whose digests a marker contains."""
    digests = set(marker.split())
    return frozenset(piece for piece, body in pieces.items() if _digest(piece, body) in digests)


def _numbers(value: Any) -> Any:
    """Return `value` with its quantities as numbers."""
    if isinstance(value, dict):
        return {key: _numbers(below) for key, below in value.items()}
    try:
        return str(quantity(str(value)).normalize())
    except ValueError:
        return value


def _digest(piece: Piece, body: Mapping[str, Any]) -> str:
    if piece.kind != ENV:
        return fingerprint([piece.kind, normalized(piece, body)])[:DIGEST_LENGTH]
    source = body.get("valueFrom")
    return _digest_of(body["name"], body.get("value", ""), _encode(source) if source else "")


@lru_cache(maxsize=4096)  # most of them are the same for every workload of a profile
def _digest_of(name: str, value: str, source: str) -> str:
    return fingerprint([name, value, source])[:DIGEST_LENGTH]
