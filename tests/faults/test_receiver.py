"""The receiver of telemetry breaks: requests never notice, and what was recorded arrives."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlsplit

import psutil  # type: ignore[import-untyped] # stubs are a package of their own
import pytest
from bench.load import Client
from faults.receivers import Breakable, moody, stopping
from faults.values import HOSTILE, SURROGATE, told
from support.polling import poll_until
from support.processes.traced_app import TracedApp, traced_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from _pytest.mark import ParameterSet
    from support.plugins.faults import Tell

NAMES = ("GET /work/{seconds}", "work")  # the spans that every request of the sample makes


class Outage(NamedTuple):
    """A receiver, and for how many seconds it is broken."""

    receiver: Callable[[], AbstractContextManager[Breakable]]
    seconds: float


class Outcome(NamedTuple):
    """What was counted."""

    answers: Counter[int]
    sent: int
    found: int
    refused: int


LOSSLESS = {
    "receiver down for 8 s": Outage(stopping, 8),
    "receiver down for 25 s": Outage(stopping, 25),
    "receiver slow: answers after 5 s": Outage(partial(moody, pause=5), 12),
    "receiver silent for 8 s: takes requests and answers none": Outage(partial(moody, pause=3600), 8),
    "receiver refuses for 8 s with 503": Outage(partial(moody, 503), 8),
    "receiver refuses for 12 s with 429, Retry-After: 1": Outage(partial(moody, 429, {"Retry-After": "1"}), 12),
}
REFUSING = {"receiver refuses for 3 s with 400": Outage(partial(moody, 400), 3)}


def play(outage: Outage) -> Outcome:
    """Send requests through an outage and wait until everything has arrived that can."""
    with outage.receiver() as receiver, traced_app(receiver.url) as app:
        receiver.break_()
        mended = threading.Timer(outage.seconds, receiver.mend)
        mended.start()
        answers = Counter([200])  # of the request that saw the application start
        while mended.is_alive():
            answers[app.get("/work/0.1")] += 1
        answers[app.get("/work/0")] += 1  # after the outage
        sent = len(NAMES) * answers.total()
        poll_until(lambda: receiver.spans(*NAMES) + receiver.lost() >= sent, f"{sent} spans arrive", seconds=90)
        app.popen.terminate()
        app.end()
        return Outcome(answers, sent, receiver.spans(*NAMES), receiver.lost())


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Outcome]]]:
    """Play the outages of the selected tests all at once: they are waiting most of the time."""
    chosen = {item.callspec.params.get("fault") for item in request.session.items if hasattr(item, "callspec")}
    outages = {fault: outage for fault, outage in (LOSSLESS | REFUSING).items() if fault in chosen}
    with ThreadPoolExecutor(len(outages)) as pool:
        yield {fault: pool.submit(play, outage) for fault, outage in outages.items()}


def each(outages: dict[str, Outage]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("fault", [pytest.param(name, marks=pytest.mark.fault(name)) for name in outages])


@each(LOSSLESS)
def test_an_outage_loses_nothing(outcomes: dict[str, Future[Outcome]], fault: str, tell: Tell) -> None:
    """Requests are answered as ever, and afterwards every span arrives."""
    outcome = outcomes[fault].result()
    tell(outcome.answers, outcome.sent, outcome.found)
    assert {200} == set(outcome.answers)
    assert outcome.sent == outcome.found


@each(REFUSING)
def test_a_refusal_loses_what_was_refused(outcomes: dict[str, Future[Outcome]], fault: str, tell: Tell) -> None:
    """What a receiver calls malformed is not sent again: those spans are lost and no other; requests never notice."""
    outcome = outcomes[fault].result()
    tell(outcome.answers, outcome.sent, outcome.found, f"{outcome.refused} refused")
    assert {200} == set(outcome.answers)
    assert outcome.refused > 0
    assert outcome.sent == outcome.found + outcome.refused


def measured(receiver: Breakable) -> int:
    """Return how many requests the last received histogram of durations counts."""
    points = [
        point.count
        for resource in receiver.store.metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "http.server.request.duration"
        for point in metric.histogram.data_points
    ]
    return points[-1] if points else 0


def logged(receiver: Breakable, body: str) -> int:
    return sum(
        record.body.string_value == body
        for resource in receiver.store.logs
        for scope in resource.scope_logs
        for record in scope.log_records
    )


def in_flight(app: TracedApp) -> tuple[threading.Thread, list[int | str]]:
    """Send a request that takes a second; return once it has reached the application."""
    answers: list[int | str] = []

    def ask() -> None:
        try:
            answers.append(app.get("/work/1"))
        except OSError as error:
            answers.append(type(error).__name__)

    thread = threading.Thread(target=ask)
    thread.start()
    poll_until(lambda: established(app) > 0, "the last request is in flight")
    return thread, answers


def established(app: TracedApp) -> int:
    """Return how many connections clients have to the application; its own to the receiver does not count."""
    port = urlsplit(app.url).port
    connections = psutil.Process(app.popen.pid).net_connections("tcp")
    return sum(c.status == psutil.CONN_ESTABLISHED and c.laddr.port == port for c in connections)


def named(number: signal.Signals) -> ParameterSet:
    return pytest.param(number, marks=pytest.mark.fault(f"{number.name} in mid-request"))


@pytest.mark.parametrize("number", [named(signal.SIGTERM), named(signal.SIGINT)])
def test_a_signal_in_mid_request_loses_nothing(number: signal.Signals, tell: Tell) -> None:
    """The request is answered; every span, log record and measurement arrives, though none was due yet."""
    late = {"OTEL_BSP_SCHEDULE_DELAY": "60000", "OTEL_BLRP_SCHEDULE_DELAY": "60000", "OTEL_LOGS_EXPORTER": "otlp"}
    with stopping() as receiver, traced_app(receiver.url, **late) as app:
        requests = 1 + sum(app.get("/work/0") == 200 for _ in range(19)) + 1
        thread, answers = in_flight(app)
        app.popen.send_signal(number)
        app.end()
        thread.join()
    tell({200: requests}, 2 * requests, receiver.spans(*NAMES))
    assert [200] == answers
    assert [requests] * 2 == [receiver.spans(name) for name in NAMES]
    assert [requests] * 2 == [logged(receiver, "working"), measured(receiver)]


@pytest.mark.fault("SIGTERM in mid-request, nobody takes the telemetry")
def test_without_a_receiver_the_end_comes_all_the_same(tell: Tell) -> None:
    """The request is answered, the process ends within SPANLOOM_FLUSH_TIMEOUT, and says that spans were lost."""
    with traced_app("http://127.0.0.1:9", SPANLOOM_FLUSH_TIMEOUT="3", OTEL_EXPORTER_OTLP_TIMEOUT="600") as app:
        thread, answers = in_flight(app)
        app.popen.terminate()
        app.end()
        thread.join()
    tell({200: 2}, 4, 0, "the last line says so")
    assert [200] == answers
    assert "spanloom: OTLP endpoint http://127.0.0.1:9 is not reachable; waiting up to 3 s before exit\n" in app.output
    assert "spanloom: telemetry could not be sent within 3 s; the queued telemetry is dropped\n" in app.output
    assert "Traceback" not in app.output


@pytest.mark.fault("SIGKILL in mid-request")
def test_a_kill_loses_what_had_not_left(tell: Tell) -> None:
    """Lost are at most the spans that ended after the last export, one every OTEL_BSP_SCHEDULE_DELAY, and open ones."""
    with stopping() as receiver, traced_app(receiver.url) as app:
        before = 1 + sum(app.get("/work/0") == 200 for _ in range(40))
        poll_until(lambda: receiver.spans(*NAMES) == 2 * before, "what ended has left")
        after = sum(app.get("/work/0") == 200 for _ in range(10))
        thread, answers = in_flight(app)
        app.popen.kill()
        app.end()
        thread.join()
    arrived, sent = receiver.spans(*NAMES), 2 * (before + after)
    tell({200: before + after}, sent, arrived, "1 request without an answer")
    assert [200] != answers
    assert 2 * before <= arrived <= sent


@pytest.mark.fault("receiver gone for good")
def test_a_lasting_outage_takes_no_more_memory(tell: Tell) -> None:
    """Once the queue is full the oldest spans go: 16 more queues of requests take neither memory nor threads."""
    # A minute of export attempts and of metrics in a second each, a queue of 8192 in 256.
    compressed = {
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        "OTEL_BSP_MAX_QUEUE_SIZE": "256",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "64",
        "OTEL_BLRP_MAX_QUEUE_SIZE": "256",
        "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "64",
        "OTEL_LOGS_EXPORTER": "otlp",
    }
    with traced_app("http://127.0.0.1:9", "faults.app:app", **compressed) as app, Client(app.url, "/fat") as load:
        process = psutil.Process(app.popen.pid)
        load.burst(1024)  # four queues: caches and queue are full
        full, threads = process.memory_info().rss, process.num_threads()
        load.burst(4096)
        grown = (process.memory_info().rss - full) / 2**20
        assert threads >= process.num_threads()
        served = load.served
    tell({200: served}, served, 0, f"memory {grown:+.0f} MiB for {4096 * 10 / 1024:.0f} MiB of spans, no more threads")
    assert grown < 15


@pytest.mark.fault("unicode, `=`, `,`, `%`, `$(VAR)`, half characters and 10 kB as names and values")
def test_hostile_texts_arrive_as_they_were(tell: Tell) -> None:
    """Span, event and attribute names, values, status and resource arrive unchanged; half a character by its number."""
    service = "shop=%2C,$(HOME) 店"
    known = {f"case.{number}": value for number, value in enumerate(HOSTILE.values()) if value != SURROGATE}
    resource = ",".join(f"{key}={quote(value)}" for key, value in known.items())
    with (
        stopping() as receiver,
        traced_app(receiver.url, "faults.app:app", OTEL_SERVICE_NAME=service, OTEL_RESOURCE_ATTRIBUTES=resource) as app,
    ):
        assert 200 == app.get("/hostile")
        poll_until(lambda: receiver.spans("GET /hostile"), "the trace arrives")
    trace = max(receiver.store.traces().values(), key=lambda trace: len(trace.spans))
    spans = {span.attributes["case"]: span for span in trace.spans if "case" in span.attributes}
    tell({200: 1}, 1 + len(HOSTILE), len(trace.spans))
    for key, value in HOSTILE.items():
        span, expected = spans[key], told(value)
        assert [expected] * 3 == [span.name, span.message, span.attributes["value"]]
        assert ("key", expected) == (span.attributes[expected], span.events[0]["value"])
        assert expected == span.events[0]["name"]
    assert {service} == {span.service for span in spans.values()}
    assert known == {key: spans["comma"].resource[key] for key in known}
