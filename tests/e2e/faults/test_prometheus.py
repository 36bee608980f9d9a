"""Prometheus fails: acknowledged metrics wait in the Collector and are stored."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest
from support.builders.otlp_metrics import gauge_body
from support.cluster.prometheus import query
from support.polling import poll_until

from e2e.faults.faults import kill, the_pod, wait_until_ready
from e2e.faults.steady import sending, until_enough

if TYPE_CHECKING:
    from collections.abc import Collection

    from support.cluster.helm_release import Release
    from support.plugins.faults import Record

pytestmark = pytest.mark.timeout(300)
PART = "prometheus"


def until_stored(release: Release, service: str, acknowledged: Collection[int]) -> list[float]:
    """Wait until every acknowledged number is stored, and return the stored ones."""
    with release.reach(PART, 9090) as url:
        with suppress(TimeoutError):
            poll_until(lambda: set(acknowledged) <= set(_stored(url, service)), "every data point is stored", 60)
        return _stored(url, service)


def _stored(url: str, service: str) -> list[float]:
    """Return the values of all samples of the service's gauge."""
    found = query(url, "query", query=f'number{{service_name="{service}"}}[10m]')["result"]
    return [float(value) for series in found for _, value in series["values"]]


@pytest.mark.fault("Prometheus killed (SIGKILL) while metrics arrive, and restarted")
def test_killed(release: Release, record: Record) -> None:
    """Every data point that the Collector acknowledged is stored once, with its own time."""
    with sending(release, "metrics", partial(gauge_body, "killed", "number")) as acknowledged:
        until_enough(acknowledged)
        before = the_pod(release, PART)
        kill(before)
        wait_until_ready(release, PART, after=before)
        until_enough(acknowledged)
    stored = until_stored(release, "killed", acknowledged)
    kept = len(acknowledged.keys() & set(stored))
    record({}, 0, 0, f"{kept} of {len(acknowledged)} acknowledged data points stored")
    assert sorted(acknowledged) == sorted(stored)
