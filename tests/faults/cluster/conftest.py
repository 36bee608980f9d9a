"""One release for the faults of a cluster. Its queue is small, so that it can be filled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.released import explained, new_namespace, released

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from e2e.release import Release

QUEUE_BYTES = 4 * 2**20


@pytest.fixture(scope="package")
def release() -> Iterator[Release]:
    """Install the umbrella once for this folder."""
    collector = {"queue": {"bytes": QUEUE_BYTES}}
    with new_namespace("faults") as kube, released(kube, **{"otel-collector": collector}) as found:
        yield found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the release explain a failure."""
    report = yield
    release = getattr(item, "funcargs", {}).get("release")
    return explained(report, release and release.kube)
