"""The umbrella, installed once into a namespace of its own in the current cluster; on failure, what it has to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.released import new_namespace, pytest_runtest_makereport, released

if TYPE_CHECKING:
    from collections.abc import Iterator

    from e2e.release import Release

__all__ = ["pytest_runtest_makereport"]


@pytest.fixture(scope="session")
def release() -> Iterator[Release]:
    """Install the umbrella once, with the values it has."""
    with new_namespace("e2e") as kube, released(kube) as found:
        yield found
