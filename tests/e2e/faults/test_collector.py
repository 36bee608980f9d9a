"""The Collector breaks: what it has acknowledged arrives, and requests never notice."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

import pytest
from support.cluster.jaeger import traces_of
from support.polling import poll_until

from e2e.faults.breaking import evict, kill, small_disk, the_pod, until_ready, without
from e2e.faults.load import WHOLE, load, spans_of, statuses
from e2e.faults.sender import SERVICE, Sender

if TYPE_CHECKING:
    from support.cluster.helm_release import Release
    from support.plugins.faults import Tell

    from spanloom_local.journey import Answer

pytestmark = pytest.mark.timeout(300)
PART = "otel-collector"
ENOUGH = 20  # requests
LARGE = 300  # spans
SOON = 30  # seconds: not everything comes


class Count(NamedTuple):
    """Spans that the Collector has acknowledged to the sender, and spans of the requests at the edge."""

    acknowledged: int
    recorded: int


def sent(sender: Sender, answers: list[Answer]) -> Count:
    return Count(len(sender.acknowledged), WHOLE * len(answers))


def found(release: Release, sender: Sender, answers: list[Answer]) -> Count:
    """Return how many of them Jaeger has, each once."""
    with release.reach("jaeger", 16686) as jaeger:
        stored = {span.span_id for trace in traces_of(jaeger, SERVICE).values() for span in trace.spans}
        return Count(len(stored & sender.acknowledged), len(spans_of(jaeger, answers)))


def until_found(release: Release, sender: Sender, answers: list[Answer], seconds: float = 120) -> Count:
    """Wait until Jaeger has them all, and return how many it has."""
    expected = sent(sender, answers)
    with suppress(TimeoutError):
        poll_until(lambda: found(release, sender, answers) == expected, "every span arrives", seconds)
    return found(release, sender, answers)


def acknowledged(expected: Count, actual: Count) -> str:
    return f"spans acknowledged by the Collector: {expected.acknowledged}, {actual.acknowledged} found"


@pytest.mark.fault("Collector killed (SIGKILL) with a full queue while Jaeger is away, and restarted")
def test_killed_with_a_full_queue(release: Release, tell: Tell) -> None:
    """Every span that the Collector has acknowledged arrives, by its id; requests never notice, their spans arrive."""
    sender = Sender()
    with without(release, "jaeger"), load(release) as answers:
        with release.reach(PART, 4318) as collector:
            sender.fill(collector)
        before = the_pod(release, PART)
        kill(before)
        until_ready(release, PART, after=before)
    expected, actual = sent(sender, answers), until_found(release, sender, answers)
    tell(statuses(answers), expected.recorded, actual.recorded, acknowledged(expected, actual))
    assert {200} == set(statuses(answers))
    assert expected == actual


@pytest.mark.fault("Collector's disk full; then freed, and the Collector restarted")
def test_a_full_disk(release: Release, tell: Tell) -> None:
    """Requests never notice; what was acknowledged before leaves the full disk and arrives; what needs room is refused.

    Not promised: what the Collector acknowledges while no block is free (it forgets what it cannot note as taken up),
    and that it goes on without a restart (it counts what it has refused as if it waited).
    """
    early, large = Sender(), Sender(LARGE)
    with small_disk(release) as disk:
        with without(release, "jaeger"):
            with release.reach(PART, 4318) as collector:
                assert early.send(collector)
            disk.fill()
        assert sent(early, []) == until_found(release, early, [])
        with load(release) as answers:
            with release.reach(PART, 4318) as collector:
                assert not large.send(collector)
            poll_until(lambda: len(answers) >= ENOUGH, "requests are made while the disk is full")
            disk.free()
            before = the_pod(release, PART)
            kill(before)
            until_ready(release, PART, after=before)
            with release.reach(PART, 4318) as collector:
                assert large.send(collector)
        expected = sent(large, answers)
        assert expected.acknowledged == until_found(release, large, []).acknowledged
        actual = until_found(release, large, answers, SOON)
    refused = ", ".join(str(answer) for answer in large.answers if answer != HTTPStatus.OK)
    told = f"{len(early.acknowledged)} spans acknowledged before, all found; then {refused}; restarted, 200"
    tell(statuses(answers), expected.recorded, actual.recorded, told)
    assert {200} == set(statuses(answers))


@pytest.mark.fault("Collector evicted, as by `kubectl drain`, while Jaeger is away")
def test_evicted(release: Release, tell: Tell) -> None:
    """Every span that the Collector has acknowledged arrives, by its id; requests never notice, their spans arrive."""
    sender = Sender()
    with without(release, "jaeger"), load(release) as answers:
        before = the_pod(release, PART)
        with release.reach(PART, 4318) as collector:
            assert sender.send(collector)
            evict(release, before)
            sender.fill(collector)
        until_ready(release, PART, after=before)
    expected, actual = sent(sender, answers), until_found(release, sender, answers)
    tell(statuses(answers), expected.recorded, actual.recorded, acknowledged(expected, actual))
    assert {200} == set(statuses(answers))
    assert expected == actual
