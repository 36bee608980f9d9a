"""VictoriaLogs fails: acknowledged log records wait in the Collector and are stored once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import pytest
from support.builders.otlp_logs import logs_body
from support.cluster.victoria_logs import messages
from support.polling import poll_until

from e2e.faults.faults import evict, kill, small_volume, the_pod, wait_until_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cluster.helm_release import Release
    from support.plugins.faults import Record

pytestmark = pytest.mark.timeout(300)
PART = "victoria-logs"
PROTOBUF = {"Content-Type": "application/x-protobuf"}
PACE_SECONDS = 0.1
ENOUGH = 30  # records
UNWRITTEN_SECONDS = 3  # what VictoriaLogs may have in memory only: see `flushSeconds` of the chart
SEND_SECONDS = 1  # until a record is sent by the Collector: batches of 200 ms, and a slow machine
ROOM_MEBIBYTES = 140  # VictoriaLogs refuses records with less than 2 % of 5 GiB free


@dataclass
class Sender:
    """Log records that the Collector has acknowledged, with the time of each."""

    service: str
    acknowledged: dict[str, float] = field(default_factory=dict)

    def send(self, collector: str, number: int) -> None:
        """Send one record; URLError or HTTPError if it is not acknowledged."""
        message = f"record {number}"
        with urlopen(Request(f"{collector}/v1/logs", logs_body(self.service, [message]), PROTOBUF), timeout=10):
            self.acknowledged[message] = time.monotonic()

    def until_enough(self) -> None:
        """Wait until many more records are acknowledged."""
        goal = len(self.acknowledged) + ENOUGH
        poll_until(lambda: len(self.acknowledged) >= goal, f"{ENOUGH} more records are acknowledged", 60)


@contextmanager
def sending(release: Release, service: str) -> Iterator[Sender]:
    """Send ten records a second inside the block; the error of one that is not acknowledged is raised at its end."""
    sender, over = Sender(service), threading.Event()

    def send() -> None:
        for number in count():
            if over.wait(PACE_SECONDS):
                return
            sender.send(collector, number)

    with release.reach("otel-collector", 4318) as collector, ThreadPoolExecutor(1) as pool:
        sent = pool.submit(send)
        try:
            yield sender
        finally:
            over.set()
        sent.result()


def stored(release: Release, sender: Sender) -> Counter[str]:
    with release.reach(PART, 9428) as logs:
        return Counter(messages(logs, sender.service))


def until_stored(release: Release, sender: Sender, seconds: float = 60) -> Counter[str]:
    """Wait until every acknowledged record is stored, and return how often each is."""
    with suppress(TimeoutError):
        poll_until(lambda: sender.acknowledged.keys() <= stored(release, sender).keys(), "all is stored", seconds)
    return stored(release, sender)


def note(sender: Sender, found: Counter[str]) -> str:
    twice = sum(times - 1 for times in found.values())
    kept = len(found.keys() & sender.acknowledged.keys())
    return f"{kept} of {len(sender.acknowledged)} acknowledged log records stored, {twice} twice"


@pytest.mark.long
@pytest.mark.fault("VictoriaLogs evicted, as by `kubectl drain`, while log records arrive")
def test_evicted(release: Release, record: Record) -> None:
    """Every log record that the Collector acknowledged is stored once."""
    with sending(release, "evicted") as sender:
        sender.until_enough()
        before = the_pod(release, PART)
        evict(release, before)
        wait_until_ready(release, PART, after=before)
        sender.until_enough()
    found = until_stored(release, sender)
    record({}, 0, 0, note(sender, found))
    assert dict.fromkeys(sender.acknowledged, 1) == found


@pytest.mark.fault("VictoriaLogs killed (SIGKILL) while log records arrive, and restarted")
def test_killed(release: Release, record: Record) -> None:
    """Every log record that the Collector acknowledged is stored once, but for those of three seconds before the kill.

    VictoriaLogs acknowledges what it has in memory, and writes it later.
    """
    with sending(release, "killed") as sender:
        sender.until_enough()
        sender.until_enough()
        before, at = the_pod(release, PART), time.monotonic()
        kill(before)
        wait_until_ready(release, PART, after=before)
        sender.until_enough()
    found = until_stored(release, sender, 20)
    record({}, 0, 0, note(sender, found))
    lost = sender.acknowledged.keys() - found.keys()
    assert [] == [message for message in lost if sender.acknowledged[message] < at - UNWRITTEN_SECONDS - SEND_SECONDS]
    assert [] == [message for message in lost if sender.acknowledged[message] > at + SEND_SECONDS]
    assert set(found.values()) == {1}


@pytest.mark.long
@pytest.mark.fault("VictoriaLogs' volume full, then freed")
def test_a_full_volume(release: Release, record: Record) -> None:
    """VictoriaLogs refuses records while its volume is full; each that the Collector acknowledged is stored once."""
    with small_volume(release, PART, "data", f"{ROOM_MEBIBYTES}m") as disk:
        with sending(release, "full") as sender:
            sender.until_enough()
            disk.take(ROOM_MEBIBYTES // 2)
            sender.until_enough()
            assert list(sender.acknowledged)[-1] not in stored(release, sender)
            disk.free()
        found = until_stored(release, sender)
    record({}, 0, 0, note(sender, found))
    assert dict.fromkeys(sender.acknowledged, 1) == found
