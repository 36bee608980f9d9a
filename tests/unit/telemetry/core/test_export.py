"""The export of the core: over real sockets, with a receiver that refuses, breaks or is not there."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from support.polling import poll_until
from support.servers.scripted_receiver import Receiver

from spanloom.core import reports
from spanloom.core.export import outbox
from spanloom.core.export.sender import Destination
from spanloom.core.metrics.instruments import Definition
from spanloom.core.spans.tracer import Scope
from spanloom.core.telemetry import Batches, Options, Telemetry
from spanloom.testing import from_otlp

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator

SCOPE = Scope("test")


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def url(receiver: Receiver) -> Iterator[str]:
    with receiver.serving() as found:
        yield found


started: list[Telemetry] = []


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Retry soon, and leave no thread behind."""
    monkeypatch.setattr(outbox, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(reports, "_reported", set())
    yield
    while started:
        started.pop().stop()


def exporting(url: str, *, timeout: float = 10, **options: Any) -> Telemetry:
    """Return a core that sends all signals to a receiver."""
    to = {f"{signal}_to": Destination(f"{url}/v1/{signal}") for signal in ("traces", "metrics", "logs")}
    times = dict.fromkeys(("traces", "metrics", "logs"), timeout)
    given = {"resource": lambda: {"service.name": "shop"}, **to, "timeout": times, **options}
    telemetry = Telemetry(Options(user_agent="spanloom/1", **given))
    started.append(telemetry)
    return telemetry


def work(telemetry: Telemetry, *names: str) -> None:
    """Make a span of each name."""
    for name in names:
        telemetry.tracer(SCOPE).start(name).end()


def record() -> logging.LogRecord:
    import logging  # noqa: PLC0415 the name is taken by a type

    return logging.makeLogRecord({"name": "shop", "msg": "sold", "levelno": 20})


def test_a_flush_sends_every_signal(receiver: Receiver, url: str) -> None:
    """Spans, log records and metrics that wait arrive, each at its path; a second flush sends nothing again."""
    telemetry = exporting(url)
    work(telemetry, "a", "b")
    telemetry.emit_log(record())
    telemetry.instrument(Definition(SCOPE, "duration", "s", "", (), (1.0,))).record(0.5, (), {})
    assert (True, True) == (telemetry.flush(10), telemetry.flush(10))
    bodies = {path: body for path, _, body in receiver.requests}
    assert (["a", "b"], 3) == (receiver.spans, len(receiver.requests))
    assert 1 == len(ExportLogsServiceRequest.FromString(bodies["/v1/logs"]).resource_logs)
    assert 1 == len(ExportMetricsServiceRequest.FromString(bodies["/v1/metrics"]).resource_metrics)


def test_spans_leave_by_themselves(receiver: Receiver, url: str) -> None:
    """A batch that is full leaves at once, one that is not after its delay."""
    telemetry = exporting(url, spans=Batches(queue=100, size=2, delay=0.05))
    work(telemetry, *"abcde")
    poll_until(lambda: sorted(receiver.spans) == list("abcde"), "all spans have arrived")


@pytest.mark.parametrize(
    "refusal",
    [(503, {}), (429, {"Retry-After": "0"}), (502, {"Retry-After": "soon"}), (504, {}), None],
    ids=["503", "429", "502", "504", "closed"],
)
def test_what_is_refused_for_now_is_sent_again(
    refusal: tuple[int, dict[str, str]] | None, receiver: Receiver, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A batch is retried until it is accepted, and arrives once."""
    receiver.responses = [refusal] * 4
    telemetry = exporting(url)
    work(telemetry, "a")
    assert telemetry.flush(10)
    assert (["a"], "") == (receiver.spans, capsys.readouterr().err)


def test_a_permanent_error_drops_the_batch_with_one_line(
    receiver: Receiver, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A response that no retry can change costs its batch, is reported once, and does not stop the next one."""
    telemetry = exporting(url)
    receiver.responses = [(401, {}), (400, {})]
    for name in "abc":
        work(telemetry, name)
        telemetry.flush(10)
    assert ["c"] == receiver.spans
    expected = f"spanloom: OTLP endpoint {url}/v1/traces: 401 Unauthorized; 1 spans dropped\n"
    assert expected == capsys.readouterr().err


def test_a_flush_ends_in_time_without_a_receiver() -> None:
    """It returns False when its time is over, and the process continues."""
    telemetry = exporting("http://127.0.0.1:9")
    work(telemetry, "a")
    assert not telemetry.flush(0.2)


def test_a_full_queue_drops_the_newest(receiver: Receiver, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Memory is bounded; that spans were dropped is reported."""
    telemetry = exporting(url, spans=Batches(queue=3, size=3, delay=60))
    telemetry.exporter.start = telemetry._spans._on_first = telemetry._spans._on_batch = lambda: None  # type: ignore[method-assign]
    work(telemetry, *"abcde")
    telemetry.exporter.start = type(telemetry.exporter).start.__get__(telemetry.exporter)  # type: ignore[method-assign]
    assert telemetry.flush(10)
    assert (list("abc"), "spanloom: spans are dropped: the queue of 3 is full\n") == (
        receiver.spans, capsys.readouterr().err,
    )  # fmt: skip


@pytest.mark.parametrize("compression", ["", "gzip", "deflate"])
def test_requests_are_as_configured(compression: str, receiver: Receiver, url: str) -> None:
    """Path, query, headers and compression are those of the destination."""
    to = Destination(f"{url}/v1/traces?a=b", (("api-key", "k"),), compression)
    telemetry = exporting(url, traces_to=to)
    work(telemetry, "a")
    assert telemetry.flush(10)
    [(path, headers, body)] = receiver.requests
    assert ("/v1/traces?a=b", "k", "spanloom/1") == (path, headers["api-key"], headers["User-Agent"])
    assert ("application/x-protobuf", ["a"]) == (headers["Content-Type"], [span.name for span in from_otlp(body)])


def test_a_proxy_is_used_as_the_environment_says(receiver: Receiver, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY with credentials carries the request; NO_PROXY leaves it out."""
    monkeypatch.setenv("http_proxy", url.replace("//", "//user:pass%20word@"))
    telemetry = exporting("http://collector.example:4318")
    work(telemetry, "a")
    assert telemetry.flush(10)
    [(path, headers, _)] = receiver.requests
    assert "http://collector.example:4318/v1/traces" == path
    assert "Basic dXNlcjpwYXNzIHdvcmQ=" == headers["Proxy-Authorization"]
    monkeypatch.setenv("no_proxy", "collector.example")
    work(telemetry := exporting("http://collector.example:4318", timeout=0.1), "b")
    telemetry.flush(0.5)
    assert 1 == len(receiver.requests)


def test_a_connection_is_kept_and_opened_again(receiver: Receiver, url: str) -> None:
    """One connection carries many requests; one that the receiver has closed in the meantime costs nothing."""
    telemetry = exporting(url)
    for headers in ({}, {"Connection": "close"}, {}):
        receiver.responses = [(200, headers)]
        work(telemetry, "a")
        assert telemetry.flush(10)
    assert ["a"] * 3 == receiver.spans


@pytest.mark.parametrize("has_sent", [True, False])
def test_a_forked_process_exports_its_own_spans(has_sent: bool, receiver: Receiver, url: str) -> None:
    """The child sends what it makes, the parent what it made; nothing is sent twice, and instances differ."""
    telemetry = exporting(url, resource=lambda: {"service.name": "shop", "service.instance.id": str(os.getpid())})
    if has_sent:
        work(telemetry, "before")
        telemetry.flush(10)
    work(telemetry, "parent")
    child = os.fork()
    if not child:
        work(telemetry, "child")
        os._exit(0 if telemetry.flush(10) else 1)
    assert (0, True) == (os.waitpid(child, 0)[1], telemetry.flush(10))
    found = [
        (span.name, span.resource["service.instance.id"] == str(child))
        for _, _, b in receiver.requests
        for span in from_otlp(b)
    ]
    assert sorted([*[("before", False)] * has_sent, ("parent", False), ("child", True)]) == sorted(found)


FORKING = """
import ctypes, os, sys
from spanloom.core import forks
from spanloom.core.spans.tracer import Scope
from spanloom.core.telemetry import Options, Telemetry

fork = {"Python": os.fork, "uWSGI": ctypes.PyDLL(None).fork}[sys.argv[1]]
sys.modules[forks.UWSGI] = forks
telemetry = Telemetry(Options(user_agent="spanloom/1", resource=dict, timeout={}))
for _ in range(2):
    child = fork()
    if not child:
        os.write(1, b"%x\\n" % telemetry.tracer(Scope("test")).start("work").trace_id)
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.mark.parametrize("fork", ["Python", "uWSGI"])
def test_forked_processes_have_ids_of_their_own(fork: str) -> None:
    """Two children of one parent make different traces, also where uWSGI forks in C."""
    done = subprocess.run([sys.executable, "-c", FORKING, fork], check=True, capture_output=True, timeout=60)
    assert 2 == len(set(done.stdout.splitlines()))


def test_no_thread_runs_before_there_is_something_to_send(url: str) -> None:
    """A process that makes no telemetry has no thread of ours."""
    before = threading.active_count()
    telemetry = exporting(url)
    assert (before, True, before) == (threading.active_count(), telemetry.flush(1), threading.active_count())
