"""Namespaces of a test's own."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

from support.cluster.kube import Kube

if TYPE_CHECKING:
    from collections.abc import Iterator

RESTRICTED = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn", "audit")]


@contextmanager
def new_namespace(prefix: str, *, restricted: bool = True) -> Iterator[Kube]:
    """Create a namespace, and delete it at the end; it enforces Pod Security `restricted` by default."""
    kube = Kube(f"{prefix}-{uuid.uuid4().hex[:6]}")
    kube("create", "namespace", kube.namespace)
    if restricted:
        kube("label", "namespace", kube.namespace, *RESTRICTED)
    try:
        yield kube
    finally:
        kube("delete", "namespace", kube.namespace, "--wait=false")
