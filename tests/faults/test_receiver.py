"""The receiver of telemetry fails: requests are unaffected, and recorded spans arrive."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped] # stubs are a package of their own
import pytest
from bench.load import Client
from faults.receivers import Breakable, failing, stopping
from support.polling import poll_until
from support.processes.traced_app import TracedApp, traced_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from _pytest.mark import ParameterSet
    from support.plugins.faults import Record

NAMES = ("GET /work/{seconds}", "work")  # the spans of each request to the sample application


class Outage(NamedTuple):
    """A receiver, and for how many seconds it is broken."""

    receiver: Callable[[], AbstractContextManager[Breakable]]
    seconds: float


class Outcome(NamedTuple):
    """The counted responses and spans."""

    responses: Counter[int]
    sent: int
    received: int
    refused: int


LOSSLESS = {
    "receiver down for 8 s": Outage(stopping, 8),
    "receiver down for 25 s": Outage(stopping, 25),
    "receiver slow: responds after 5 s": Outage(partial(failing, pause=5), 12),
    "receiver hangs for 8 s: accepts requests, sends no response": Outage(partial(failing, pause=3600), 8),
    "receiver responds with 503 for 8 s": Outage(partial(failing, 503), 8),
    "receiver responds with 429, Retry-After: 1, for 12 s": Outage(partial(failing, 429, {"Retry-After": "1"}), 12),
}
REFUSING = {"receiver responds with 400 for 3 s": Outage(partial(failing, 400), 3)}


def run_outage(outage: Outage) -> Outcome:
    """Send requests during an outage and wait until every span has arrived or was refused."""
    with outage.receiver() as receiver, traced_app(receiver.url) as app:
        receiver.fail()
        repair = threading.Timer(outage.seconds, receiver.repair)
        repair.start()
        responses = Counter([200])  # of the request that detected the start of the application
        while repair.is_alive():
            responses[app.get("/work/0.1")] += 1
        responses[app.get("/work/0")] += 1  # after the outage
        sent = len(NAMES) * responses.total()
        poll_until(lambda: receiver.spans(*NAMES) + receiver.lost() >= sent, f"{sent} spans arrive", seconds=90)
        app.popen.terminate()
        app.end()
        return Outcome(responses, sent, receiver.spans(*NAMES), receiver.lost())


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Outcome]]]:
    """Run the outages of the selected tests at the same time: they wait most of the time."""
    chosen = {item.callspec.params.get("fault") for item in request.session.items if hasattr(item, "callspec")}
    outages = {fault: outage for fault, outage in (LOSSLESS | REFUSING).items() if fault in chosen}
    with ThreadPoolExecutor(len(outages)) as pool:
        yield {fault: pool.submit(run_outage, outage) for fault, outage in outages.items()}


def each(outages: dict[str, Outage]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("fault", [pytest.param(name, marks=pytest.mark.fault(name)) for name in outages])


@each(LOSSLESS)
def test_an_outage_loses_no_span(outcomes: dict[str, Future[Outcome]], fault: str, record: Record) -> None:
    """Every request gets its response, and every span arrives after the outage."""
    outcome = outcomes[fault].result()
    record(outcome.responses, outcome.sent, outcome.received)
    assert {200} == set(outcome.responses)
    assert outcome.sent == outcome.received


@each(REFUSING)
def test_a_refused_span_is_not_retried(outcomes: dict[str, Future[Outcome]], fault: str, record: Record) -> None:
    """Only the spans that the receiver refuses as malformed are lost: they are not retried. Requests are unaffected."""
    outcome = outcomes[fault].result()
    record(outcome.responses, outcome.sent, outcome.received, f"{outcome.refused} refused")
    assert {200} == set(outcome.responses)
    assert outcome.refused > 0
    assert outcome.sent == outcome.received + outcome.refused


def measured_requests(receiver: Breakable) -> int:
    """Return the count of the last received duration histogram."""
    points = [
        point.count
        for resource in receiver.store.metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "http.server.request.duration"
        for point in metric.histogram.data_points
    ]
    return points[-1] if points else 0


def log_count(receiver: Breakable, body: str) -> int:
    return sum(
        record.body.string_value == body
        for resource in receiver.store.logs
        for scope in resource.scope_logs
        for record in scope.log_records
    )


def in_flight(app: TracedApp) -> tuple[threading.Thread, list[int | str]]:
    """Send a request that takes a second, and return when the application has received it."""
    statuses: list[int | str] = []

    def ask() -> None:
        try:
            statuses.append(app.get("/work/1"))
        except OSError as error:
            statuses.append(type(error).__name__)

    thread = threading.Thread(target=ask)
    thread.start()
    poll_until(lambda: established(app) > 0, "the last request is in flight")
    return thread, statuses


def established(app: TracedApp) -> int:
    """Return the number of client connections to the application, without its own to the receiver."""
    port = urlsplit(app.url).port
    connections = psutil.Process(app.popen.pid).net_connections("tcp")
    return sum(c.status == psutil.CONN_ESTABLISHED and c.laddr.port == port for c in connections)


def named(number: signal.Signals) -> ParameterSet:
    return pytest.param(number, marks=pytest.mark.fault(f"{number.name} during a request"))


@pytest.mark.parametrize("number", [named(signal.SIGTERM), named(signal.SIGINT)])
def test_a_signal_during_a_request_loses_nothing(number: signal.Signals, record: Record) -> None:
    """The request gets its response; every span, log record and measurement arrives, although no export was due."""
    late = {"OTEL_BSP_SCHEDULE_DELAY": "60000", "OTEL_BLRP_SCHEDULE_DELAY": "60000", "OTEL_LOGS_EXPORTER": "otlp"}
    with stopping() as receiver, traced_app(receiver.url, **late) as app:
        requests = 1 + sum(app.get("/work/0") == 200 for _ in range(19)) + 1
        thread, statuses = in_flight(app)
        app.popen.send_signal(number)
        app.end()
        thread.join()
    record({200: requests}, 2 * requests, receiver.spans(*NAMES))
    assert [200] == statuses
    assert [requests] * 2 == [receiver.spans(name) for name in NAMES]
    assert [requests] * 2 == [log_count(receiver, "working"), measured_requests(receiver)]


@pytest.mark.fault("SIGTERM during a request, without a receiver")
def test_a_process_without_a_receiver_ends_in_time(record: Record) -> None:
    """The request gets its response; the process ends within SPANLOOM_FLUSH_TIMEOUT and reports the loss."""
    with traced_app("http://127.0.0.1:9", SPANLOOM_FLUSH_TIMEOUT="3", OTEL_EXPORTER_OTLP_TIMEOUT="600") as app:
        thread, statuses = in_flight(app)
        app.popen.terminate()
        app.end()
        thread.join()
    record({200: 2}, 4, 0, "the last line reports the loss")
    assert [200] == statuses
    assert "spanloom: OTLP endpoint http://127.0.0.1:9 is not reachable; waiting up to 3 s before exit\n" in app.output
    assert "spanloom: telemetry could not be sent within 3 s; the queued telemetry is dropped\n" in app.output
    assert "Traceback" not in app.output


@pytest.mark.fault("SIGKILL during a request")
def test_a_kill_loses_at_most_what_was_not_exported(record: Record) -> None:
    """At most the spans that ended after the last export (one per OTEL_BSP_SCHEDULE_DELAY) and open spans are lost."""
    with stopping() as receiver, traced_app(receiver.url) as app:
        before = 1 + sum(app.get("/work/0") == 200 for _ in range(40))
        poll_until(lambda: receiver.spans(*NAMES) == 2 * before, "every ended span is exported")
        after = sum(app.get("/work/0") == 200 for _ in range(10))
        thread, statuses = in_flight(app)
        app.popen.kill()
        app.end()
        thread.join()
    arrived, sent = receiver.spans(*NAMES), 2 * (before + after)
    record({200: before + after}, sent, arrived, "1 request without a response")
    assert [200] != statuses
    assert 2 * before <= arrived <= sent


@pytest.mark.fault("receiver down permanently")
def test_a_permanent_outage_needs_no_more_memory(record: Record) -> None:
    """A full queue drops further spans: the spans of 16 more queues add neither memory nor threads."""
    # Scaled down: a minute of export attempts and of metrics to a second each, a queue of 8192 to 256.
    scaled_down = {
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        "OTEL_BSP_MAX_QUEUE_SIZE": "256",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "64",
        "OTEL_BLRP_MAX_QUEUE_SIZE": "256",
        "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "64",
        "OTEL_LOGS_EXPORTER": "otlp",
    }
    with traced_app("http://127.0.0.1:9", "faults.app:app", **scaled_down) as app, Client(app.url, "/fat") as load:
        process = psutil.Process(app.popen.pid)
        load.burst(1024)  # four queues: caches and queue are full
        full, threads = process.memory_info().rss, process.num_threads()
        load.burst(4096)
        grown = (process.memory_info().rss - full) / 2**20
        assert threads >= process.num_threads()
        served = load.served
    record(
        {200: served}, served, 0, f"memory {grown:+.0f} MiB for {4096 * 10 / 1024:.0f} MiB of spans, no more threads"
    )
    assert grown < 15
