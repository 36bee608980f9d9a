"""Prometheus fails: acknowledged metrics wait in the Collector and are stored."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import pytest
from support.builders.otlp_metrics import gauge_body
from support.cluster.prometheus import query
from support.polling import poll_until

from e2e.faults.faults import kill, the_pod, wait_until_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cluster.helm_release import Release
    from support.plugins.faults import Record

pytestmark = pytest.mark.timeout(300)
PART = "prometheus"
PROTOBUF = {"Content-Type": "application/x-protobuf"}
PACE_SECONDS = 0.1
ENOUGH = 30  # samples


def _send(collector: str, service: str, number: int) -> None:
    """Send one data point whose value is its number; URLError or HTTPError if it is not acknowledged."""
    body = gauge_body(service, "number", number)
    with urlopen(Request(f"{collector}/v1/metrics", body, PROTOBUF), timeout=10):
        pass


@contextmanager
def sending(release: Release, service: str) -> Iterator[set[float]]:
    """Send ten data points a second inside the block; yield the acknowledged numbers, which grow."""
    acknowledged, over = set[float](), threading.Event()

    def send() -> None:
        for number in count():
            if over.wait(PACE_SECONDS):
                return
            _send(collector, service, number)
            acknowledged.add(number)

    with release.reach("otel-collector", 4318) as collector, ThreadPoolExecutor(1) as pool:
        sent = pool.submit(send)
        try:
            yield acknowledged
        finally:
            over.set()
        sent.result()


def until_enough(acknowledged: set[float]) -> None:
    """Wait until many more data points are acknowledged."""
    goal = len(acknowledged) + ENOUGH
    poll_until(lambda: len(acknowledged) >= goal, f"{ENOUGH} more data points are acknowledged", 60)


def until_stored(release: Release, service: str, acknowledged: set[float]) -> list[float]:
    """Wait until every acknowledged number is stored, and return the stored ones."""
    with release.reach(PART, 9090) as url:
        with suppress(TimeoutError):
            poll_until(lambda: acknowledged <= set(_stored(url, service)), "every data point is stored", 60)
        return _stored(url, service)


def _stored(url: str, service: str) -> list[float]:
    """Return the values of all samples of the service's gauge."""
    found = query(url, "query", query=f'number{{service_name="{service}"}}[10m]')["result"]
    return [float(value) for series in found for _, value in series["values"]]


@pytest.mark.fault("Prometheus killed (SIGKILL) while metrics arrive, and restarted")
def test_killed(release: Release, record: Record) -> None:
    """Every data point that the Collector acknowledged is stored once, with its own time."""
    with sending(release, "killed") as acknowledged:
        until_enough(acknowledged)
        before = the_pod(release, PART)
        kill(before)
        wait_until_ready(release, PART, after=before)
        until_enough(acknowledged)
    stored = until_stored(release, "killed", acknowledged)
    record({}, 0, 0, f"{len(acknowledged & set(stored))} of {len(acknowledged)} acknowledged data points stored")
    assert sorted(acknowledged) == sorted(stored)
