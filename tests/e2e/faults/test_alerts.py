"""The alerts of the Collector: each is caused by a fault, in a real Prometheus with the chart's rules, and clears."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from support.processes.commands import free_port
from support.processes.prometheus import firing, running_prometheus, until_clears, until_fires

from e2e.faults.faults import without
from e2e.faults.sender import Sender

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.cluster.helm_release import Release

pytestmark = pytest.mark.timeout(600)
PART, METRICS = "otel-collector", ("otel-collector-pods", 8888)


@contextmanager
def watched(release: Release, folder: Path) -> Iterator[str]:
    """Run Prometheus, which scrapes the Collector, inside the block; yield its URL."""
    with (
        release.reach(*METRICS) as metrics,
        running_prometheus(folder, free_port(), [metrics.removeprefix("http://")]) as prometheus,
    ):
        yield prometheus


@pytest.mark.long
def test_a_queue_that_is_full(release: Release, tmp_path: Path) -> None:
    """ExportQueueFilling and SpansDropped fire while Jaeger is down and spans arrive, and clear when it is back."""
    with watched(release, tmp_path) as prometheus:
        assert set() == firing(prometheus)
        with without(release, "jaeger"):
            with release.reach(PART, 4318) as collector:
                Sender().fill(collector)
            until_fires(prometheus, "ExportQueueFilling")
            until_fires(prometheus, "SpansDropped")
        until_clears(prometheus, "ExportQueueFilling", 180)
        until_clears(prometheus, "SpansDropped", 180)
