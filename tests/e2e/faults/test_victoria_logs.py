"""VictoriaLogs fails: acknowledged log records wait in the Collector and are stored once."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from support.builders.otlp_logs import logs_body
from support.cluster.victoria_logs import messages
from support.polling import poll_until

from e2e.faults.faults import evict, kill, small_volume, the_pod, wait_until_ready
from e2e.faults.steady import sending, until_enough

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from support.cluster.helm_release import Release
    from support.plugins.faults import Record

pytestmark = pytest.mark.timeout(300)
PART = "victoria-logs"
UNWRITTEN_SECONDS = 3  # what VictoriaLogs may have in memory only: see `flushSeconds` of the chart
SEND_SECONDS = 1  # until a record is sent by the Collector: batches of 200 ms, and a slow machine
ROOM_MEBIBYTES = 140  # VictoriaLogs refuses records with less than 2 % of 5 GiB free


def records_of(service: str) -> Callable[[int], bytes]:
    """Return what makes a request with one record, whose message is a number."""
    return lambda number: logs_body(service, [str(number)])


def stored(release: Release, service: str) -> Counter[int]:
    """Return how often each number is stored."""
    with release.reach(PART, 9428) as logs:
        return Counter(map(int, messages(logs, service)))


def until_stored(release: Release, service: str, acknowledged: Collection[int], seconds: float = 60) -> Counter[int]:
    """Wait until every acknowledged record is stored, and return how often each is."""
    with suppress(TimeoutError):
        poll_until(lambda: set(acknowledged) <= stored(release, service).keys(), "all is stored", seconds)
    return stored(release, service)


def note(acknowledged: Collection[int], found: Counter[int]) -> str:
    """Return the measurement in words."""
    twice = sum(times - 1 for times in found.values())
    kept = len(found.keys() & set(acknowledged))
    return f"{kept} of {len(acknowledged)} acknowledged log records stored, {twice} twice"


@pytest.mark.long
@pytest.mark.fault("VictoriaLogs evicted, as by `kubectl drain`, while log records arrive")
def test_evicted(release: Release, record: Record) -> None:
    """Every log record that the Collector acknowledged is stored once."""
    with sending(release, "logs", records_of("evicted")) as acknowledged:
        until_enough(acknowledged)
        before = the_pod(release, PART)
        evict(release, before)
        wait_until_ready(release, PART, after=before)
        until_enough(acknowledged)
    found = until_stored(release, "evicted", acknowledged)
    record({}, 0, 0, note(acknowledged, found))
    assert dict.fromkeys(acknowledged, 1) == found


@pytest.mark.fault("VictoriaLogs killed (SIGKILL) while log records arrive, and restarted")
def test_killed(release: Release, record: Record) -> None:
    """Every log record that the Collector acknowledged is stored once, but for those of three seconds before the kill.

    VictoriaLogs acknowledges what it has in memory, and writes it later.
    """
    with sending(release, "logs", records_of("killed")) as acknowledged:
        until_enough(acknowledged)
        until_enough(acknowledged)
        before, at = the_pod(release, PART), time.monotonic()
        kill(before)
        wait_until_ready(release, PART, after=before)
        until_enough(acknowledged)
    found = until_stored(release, "killed", acknowledged, 20)
    record({}, 0, 0, note(acknowledged, found))
    lost = acknowledged.keys() - found.keys()
    assert [] == [number for number in lost if acknowledged[number] < at - UNWRITTEN_SECONDS - SEND_SECONDS]
    assert [] == [number for number in lost if acknowledged[number] > at + SEND_SECONDS]
    assert set(found.values()) == {1}


@pytest.mark.long
@pytest.mark.fault("VictoriaLogs' volume full, then freed")
def test_a_full_volume(release: Release, record: Record) -> None:
    """VictoriaLogs refuses records while its volume is full; each that the Collector acknowledged is stored once."""
    with small_volume(release, PART, "data", f"{ROOM_MEBIBYTES}m") as disk:
        with sending(release, "logs", records_of("full")) as acknowledged:
            until_enough(acknowledged)
            disk.take(ROOM_MEBIBYTES // 2)
            until_enough(acknowledged)
            assert list(acknowledged)[-1] not in stored(release, "full")
            disk.free()
        found = until_stored(release, "full", acknowledged)
    record({}, 0, 0, note(acknowledged, found))
    assert dict.fromkeys(acknowledged, 1) == found
