"""One release for the faults of a cluster. Its queue is small, so that it can be filled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.released import new_namespace, pytest_runtest_makereport, released

if TYPE_CHECKING:
    from collections.abc import Iterator

    from e2e.release import Release

__all__ = ["pytest_runtest_makereport"]

QUEUE_BYTES = 4 * 2**20
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Break the operator first: those of its tests look after the whole cluster, a release's Deployments included."""
    mine = [number for number, item in enumerate(items) if item.path.parent == HERE]
    ordered = sorted((items[number] for number in mine), key=lambda item: item.path.name != "test_operator.py")
    for number, item in zip(mine, ordered, strict=True):
        items[number] = item


@pytest.fixture(scope="package")
def release() -> Iterator[Release]:
    """Install the umbrella once for this folder."""
    collector = {"queue": {"bytes": QUEUE_BYTES}}
    with new_namespace("faults") as kube, released(kube, **{"otel-collector": collector}) as found:
        yield found
