"""The Collector fails: acknowledged spans arrive, and requests are unaffected."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

import pytest
from support.cluster.jaeger import traces_of
from support.polling import poll_until

from e2e.faults.faults import evict, kill, small_disk, the_pod, wait_until_ready, without
from e2e.faults.load import WHOLE, load, spans_of, statuses
from e2e.faults.sender import SERVICE, Sender

if TYPE_CHECKING:
    from support.cluster.helm_release import Release
    from support.plugins.faults import Record

    from spanloom_local.journey import Response

pytestmark = pytest.mark.timeout(300)
PART = "otel-collector"
ENOUGH = 20  # requests
LARGE = 300  # spans
SHORT = 30  # seconds: not every span arrives


class Count(NamedTuple):
    """Spans that the Collector has acknowledged to the sender, and spans of the requests at the edge."""

    acknowledged: int
    recorded: int


def sent(sender: Sender, responses: list[Response]) -> Count:
    return Count(len(sender.acknowledged), WHOLE * len(responses))


def found(release: Release, sender: Sender, responses: list[Response]) -> Count:
    """Return how many of them are in Jaeger, each counted once."""
    with release.reach("jaeger", 16686) as jaeger:
        stored = {span.span_id for trace in traces_of(jaeger, SERVICE).values() for span in trace.spans}
        return Count(len(stored & sender.acknowledged), len(spans_of(jaeger, responses)))


def until_found(release: Release, sender: Sender, responses: list[Response], seconds: float = 120) -> Count:
    """Wait until all are in Jaeger, and return how many are."""
    expected = sent(sender, responses)
    with suppress(TimeoutError):
        poll_until(lambda: found(release, sender, responses) == expected, "every span arrives", seconds)
    return found(release, sender, responses)


def acknowledged(expected: Count, actual: Count) -> str:
    return f"{actual.acknowledged} of {expected.acknowledged} acknowledged spans in Jaeger"


@pytest.mark.fault("Collector killed (SIGKILL) with a full queue while Jaeger is down, and restarted")
def test_killed_with_a_full_queue(release: Release, record: Record) -> None:
    """Every acknowledged span arrives, compared by id; requests are unaffected, and their spans arrive."""
    sender = Sender()
    with without(release, "jaeger"), load(release) as responses:
        with release.reach(PART, 4318) as collector:
            sender.fill(collector)
        before = the_pod(release, PART)
        kill(before)
        wait_until_ready(release, PART, after=before)
    expected, actual = sent(sender, responses), until_found(release, sender, responses)
    record(statuses(responses), expected.recorded, actual.recorded, acknowledged(expected, actual))
    assert {200} == set(statuses(responses))
    assert expected == actual


@pytest.mark.long
@pytest.mark.fault("Collector's disk full, then freed, and the Collector restarted")
def test_a_full_disk_is_survived(release: Release, record: Record) -> None:
    """Requests are unaffected; spans acknowledged before the fault arrive; spans that need room are refused.

    Not promised: spans that the Collector acknowledges while no block is free (it cannot record that it has read them),
    and recovery without a restart (it counts refused spans as waiting).
    """
    early, large = Sender(), Sender(LARGE)
    with small_disk(release) as disk:
        with without(release, "jaeger"):
            with release.reach(PART, 4318) as collector:
                assert early.send(collector)
            disk.fill()
        assert sent(early, []) == until_found(release, early, [])
        with load(release) as responses:
            with release.reach(PART, 4318) as collector:
                assert not large.send(collector)
            poll_until(lambda: len(responses) >= ENOUGH, "requests are sent while the disk is full")
            disk.free()
            before = the_pod(release, PART)
            kill(before)
            wait_until_ready(release, PART, after=before)
            with release.reach(PART, 4318) as collector:
                assert large.send(collector)
        expected = sent(large, responses)
        assert expected.acknowledged == until_found(release, large, []).acknowledged
        actual = until_found(release, large, responses, SHORT)
    refused = ", ".join(str(response) for response in large.responses if response != HTTPStatus.OK)
    notes = [
        f"{len(early.acknowledged)} spans acknowledged before the fault, all in Jaeger",
        f"{refused} while the disk was full",
        "200 after the restart",
    ]
    record(statuses(responses), expected.recorded, actual.recorded, *notes)
    assert {200} == set(statuses(responses))


@pytest.mark.long
@pytest.mark.fault("Collector evicted, as by `kubectl drain`, while Jaeger is down")
def test_evicted(release: Release, record: Record) -> None:
    """Every acknowledged span arrives, compared by id; requests are unaffected, and their spans arrive."""
    sender = Sender()
    with without(release, "jaeger"), load(release) as responses:
        before = the_pod(release, PART)
        with release.reach(PART, 4318) as collector:
            assert sender.send(collector)
            evict(release, before)
            sender.fill(collector)
        wait_until_ready(release, PART, after=before)
    expected, actual = sent(sender, responses), until_found(release, sender, responses)
    record(statuses(responses), expected.recorded, actual.recorded, acknowledged(expected, actual))
    assert {200} == set(statuses(responses))
    assert expected == actual
