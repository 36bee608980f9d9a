"""Digests of JSON values, and the marker variable that carries those of the injected variables.

Kubernetes copies a pod template, env included, into ReplicaSets and back (`rollout undo`), and users copy it with
`kubectl get -o yaml`. Managed fields do not travel with it. The marker does: an entry whose digest it contains was
injected by the operator, regardless of who wrote it into this template.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from spanloom_operator.names import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DIGEST_LENGTH = 8
_encode = json.JSONEncoder(sort_keys=True).encode  # json.dumps makes an encoder for each call


def fingerprint(value: object) -> str:
    """Return twelve hexadecimal digits that change when `value` (JSON) does."""
    return hashlib.sha256(_encode(value).encode()).hexdigest()[:12]


def normalized(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an env entry without an empty value, as the API server stores it."""
    return {key: value for key, value in entry.items() if value != ""}


def marker_value(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return the value of the marker for these env entries of one container."""
    return " ".join(sorted(_digest(entry) for entry in entries))


def marked(env: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return the names of the env entries that a marker among them recognizes, its own included."""
    entries = list(env)
    value = next((str(entry.get("value", "")) for entry in entries if entry["name"] == MARKER), None)
    if value is None:
        return frozenset()
    digests = set(value.split())
    return frozenset(entry["name"] for entry in entries if entry["name"] == MARKER or _digest(entry) in digests)


def _digest(entry: Mapping[str, Any]) -> str:
    source = entry.get("valueFrom")
    return _digest_of(entry["name"], entry.get("value", ""), _encode(source) if source else "")


@lru_cache(maxsize=4096)  # most of them are the same for every Deployment of a profile
def _digest_of(name: str, value: str, source: str) -> str:
    return fingerprint([name, value, source])[:DIGEST_LENGTH]
