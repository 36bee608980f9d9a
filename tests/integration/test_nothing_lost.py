"""What was recorded arrives: at the end of a process, and through an outage of the receiver."""

import signal
import threading
from collections.abc import Iterator
from itertools import count

import psutil
import pytest
from support.polling import poll_until
from support.traced import Traced, traced

from spanloom_local.receiver import Receiver
from spanloom_local.store import Store

OUTAGE_REQUESTS = 80


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(store=Store(kept_traces=10_000)) as running:
        yield running


def spans(receiver: Receiver, name: str) -> int:
    return sum(span.name == name for trace in receiver.store.traces().values() for span in trace.spans)


def measured(receiver: Receiver) -> int:
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


def logged(receiver: Receiver, body: str) -> int:
    return sum(
        record.body.string_value == body
        for resource in receiver.store.logs
        for scope in resource.scope_logs
        for record in scope.log_records
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_mid_request_loses_nothing(receiver: Receiver, number: signal.Signals) -> None:
    """The request in flight is answered; every span, log record and measurement arrives, though none was due yet."""
    late = {"OTEL_BSP_SCHEDULE_DELAY": "60000", "OTEL_BLRP_SCHEDULE_DELAY": "60000", "OTEL_LOGS_EXPORTER": "otlp"}
    with traced(receiver.url, **late) as app:
        before = 1 + sum(app.get("/work/0") == 200 for _ in range(19))
        answers: list[int] = []
        in_flight = threading.Thread(target=lambda: answers.append(app.get("/work/1")))
        in_flight.start()
        poll_until(lambda: established(app) > 0, "the last request is in flight")
        app.popen.send_signal(number)
        app.end()
        in_flight.join()
    assert [200] == answers
    requests = before + 1
    assert (requests, requests) == (spans(receiver, "GET /work/{seconds}"), spans(receiver, "work"))
    assert (requests, requests) == (logged(receiver, "working"), measured(receiver))


def established(app: Traced) -> int:
    connections = psutil.Process(app.popen.pid).net_connections("tcp")
    return sum(connection.status == psutil.CONN_ESTABLISHED for connection in connections)


def test_without_a_receiver_the_end_comes_all_the_same() -> None:
    """When nobody takes the telemetry the process ends within its bound, and says what was lost."""
    with traced("http://127.0.0.1:9", SPANLOOM_FLUSH_TIMEOUT="3", OTEL_EXPORTER_OTLP_TIMEOUT="600") as app:
        app.popen.terminate()
        app.end()
    assert "spanloom: nobody takes the telemetry yet, waiting up to 3 s" in app.output
    assert "spanloom: telemetry was not taken within 3 s; what was left is lost" in app.output
    assert "Traceback" not in app.output


def test_an_outage_of_the_receiver_loses_nothing(receiver: Receiver) -> None:
    """While the receiver is away for 8 s requests are answered as ever, and all their spans arrive afterwards."""
    with traced(receiver.url) as app:
        receiver.stop()
        back = threading.Timer(8, receiver.start)
        back.start()
        numbers = count(2)  # the first request saw the application start
        sent = 1
        while back.is_alive():
            assert 200 == app.get("/work/0.1")
            sent = next(numbers)
        poll_until(lambda: spans(receiver, "work") >= sent, f"the spans of {sent} requests arrive", seconds=60)
        app.popen.terminate()
        app.end()
    assert (sent, sent) == (spans(receiver, "GET /work/{seconds}"), spans(receiver, "work"))
    assert sent > 0


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("SPANLOOM_FILTER", "info,loud", "spanloom: SPANLOOM_FILTER='loud' is not understood; expected LEVEL"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10000", "spanloom: OTEL_EXPORTER_OTLP_TIMEOUT='10000' is not understood"),
    ],
)
def test_a_process_does_not_start_half_configured(receiver: Receiver, key: str, value: str, expected: str) -> None:
    """A setting that cannot be understood ends the process with one line, before the application is loaded."""
    with traced(receiver.url, **{key: value}) as app:
        assert 78 == app.end()
    assert app.output.startswith(expected)
    assert 1 == len(app.output.splitlines())
