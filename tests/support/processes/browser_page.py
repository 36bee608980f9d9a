"""The page of the demo in a browser: telemetry to show, the rows of a trace, and screenshots."""

from __future__ import annotations

import os
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

from opentelemetry.trace import SpanKind, StatusCode
from support.builders.otlp import duration_point, exemplar, log_record, logs_request, metrics_request, sender

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
    from playwright.sync_api import Locator, Page

    from spanloom.traces.model import Span, Trace
    from spanloom_local.receiver import Receiver

SCREENSHOTS = os.environ.get("SCREENSHOTS")  # a directory for screenshots of the tests


def send_checkout(receiver: Receiver) -> None:
    """Send a trace of two services and five spans, one of them an error."""
    with sender(receiver.url, "shop") as shop, sender(receiver.url, "warehouse") as warehouse:
        front, back = shop.get_tracer("shop"), warehouse.get_tracer("warehouse")
        with front.start_as_current_span("POST /orders", kind=SpanKind.SERVER) as root:
            root.set_attribute("http.response.status_code", 503)
            with (
                front.start_as_current_span("place_order", attributes={"items": 3}),
                front.start_as_current_span("POST", kind=SpanKind.CLIENT),
                back.start_as_current_span("POST /reservations", kind=SpanKind.SERVER) as reserve,
            ):
                with back.start_as_current_span("UPDATE stock", kind=SpanKind.CLIENT):
                    pass
                reserve.set_status(StatusCode.ERROR, "out of stock")


def send_every_signal(receiver: Receiver) -> Trace:
    """Send the checkout, a log line in two of its spans and one in none, and its duration; return the trace."""
    send_checkout(receiver)
    trace = list(receiver.store.traces().values())[-1]
    post_otlp(receiver, "logs", logs_request(line("order received", span_of(trace, "place_order"), items=3)))
    late = line("out of stock", span_of(trace, "POST /reservations"), severity="ERROR")
    post_otlp(receiver, "logs", logs_request(late, service="warehouse"))
    post_otlp(receiver, "logs", logs_request(log_record("started", time_ns=time_ns() - 10**9)))
    post_otlp(receiver, "metrics", durations_of(span_of(trace, "POST /orders")))
    return trace


def durations_of(span: Span) -> Message:
    """Return the metrics of 9 requests of POST /orders with 200 and one, that of the span, of 150 ms with 503."""
    now = time_ns()
    times = {"start_ns": now - 10**9, "time_ns": now}
    measured = exemplar(0.15, now, span.trace_id, span.span_id)
    quick = duration_point({0.1: 9, 0.2: 0, float("inf"): 0}, **times)
    failed = duration_point({0.1: 0, 0.2: 1, float("inf"): 0}, **times, status=503, exemplars=[measured])
    return metrics_request(quick, failed)


def line(text: str, span: Span, severity: str = "INFO", **attributes: str | int) -> LogRecord:
    """Return a log record in the span, 1 µs after its start."""
    return log_record(
        text,
        time_ns=span.start_ns + 1_000,
        severity=severity,
        trace_id=span.trace_id,
        span_id=span.span_id,
        **attributes,
    )


def span_of(trace: Trace, name: str) -> Span:
    """Return the span with that name."""
    return next(span for span in trace.spans if span.name == name)


def post_otlp(receiver: Receiver, signal: str, message: Message) -> None:
    """Send a request of OTLP/HTTP: `signal` is traces, metrics or logs."""
    request = Request(
        f"{receiver.url}/v1/{signal}", message.SerializeToString(), {"Content-Type": "application/x-protobuf"}
    )
    with urlopen(request, timeout=10) as response:
        assert response.status == 200


def save(page: Page, name: str) -> None:
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", full_page=True)


def names(page: Page) -> list[str]:
    return page.get_by_role("treegrid").locator("tbody tr:visible .label").all_inner_texts()


def row(page: Page, name: str) -> Locator:
    """Return the row of the span with that name."""
    return page.get_by_role("treegrid").get_by_role("row", name=name)
