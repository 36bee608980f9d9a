"""A release for the faults of a cluster. Its queue is small, so that a test can fill it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.cluster.helm_release import helm_release
from support.cluster.namespaces import new_namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cluster.helm_release import Release

QUEUE_BYTES = 4 * 2**20


@pytest.fixture(scope="package")
def release() -> Iterator[Release]:
    """Install the umbrella chart once for this folder."""
    collector = {"queue": {"bytes": QUEUE_BYTES}}
    with new_namespace("faults") as kube, helm_release(kube, **{"otel-collector": collector}) as found:
        yield found
