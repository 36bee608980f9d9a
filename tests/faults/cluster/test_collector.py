"""The Collector breaks: what it has acknowledged arrives, and requests never notice."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import pytest
from e2e.release import traces_of
from faults.cluster.breaking import containers, evict, kill, small_disk, the_pod, until_ready, without
from faults.cluster.load import WHOLE, load, spans_of, statuses
from faults.cluster.sender import SERVICE, Sender
from support.polling import poll_until

if TYPE_CHECKING:
    from e2e.release import Release
    from faults.conftest import Tell

    from spanloom_local.journey import Answer

pytestmark = pytest.mark.timeout(300)
PART = "otel-collector"
ENOUGH = 20  # answers


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


def until_found(release: Release, sender: Sender, answers: list[Answer]) -> Count:
    """Wait until Jaeger has them all, and return how many it has."""
    expected = sent(sender, answers)
    with suppress(TimeoutError):
        poll_until(lambda: found(release, sender, answers) == expected, "every span arrives", 120)
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


@pytest.mark.fault("Collector's disk full")
def test_a_full_disk(release: Release, tell: Tell) -> None:
    """What was acknowledged leaves a full disk; nothing more is acknowledged, senders are told 503 and try again.

    Once there is room the same Collector goes on. Requests never notice, and their spans arrive.
    """
    sender = Sender()
    with small_disk(release) as disk:
        before = the_pod(release, PART)
        with without(release, "jaeger"):
            with release.reach(PART, 4318) as collector:
                assert sender.send(collector)
            disk.fill()
        assert sent(sender, []) == until_found(release, sender, [])
        with load(release) as answers:
            with release.reach(PART, 4318) as collector:
                poll_until(lambda: sender.send(collector) or sender.answers[503] >= ENOUGH, "senders are sent away")
            disk.free()
        expected, actual = sent(sender, answers), until_found(release, sender, answers)
        assert containers(before) == containers(the_pod(release, PART))
    refused = f"{sender.answers[503]} times 503 to a sender"
    tell(statuses(answers), expected.recorded, actual.recorded, acknowledged(expected, actual), refused)
    assert {200} == set(statuses(answers))
    assert {200: 1, 503: ENOUGH} == sender.answers
    assert expected == actual


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
