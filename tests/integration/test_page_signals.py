"""Metrics and log lines on the page, and the links between them and the traces, in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect
from support.builders.otlp import log_record, logs_request, proto_span, traces_body
from support.processes.browser_page import post_otlp, row, save, send_checkout, send_every_signal, span_of

from spanloom.testing import from_otlp
from spanloom_local.receiver import Receiver


def test_an_empty_page_names_what_is_missing(page: Page, receiver: Receiver) -> None:
    """Without metrics and log lines the page says so."""
    page.goto(receiver.url)
    expect(page.get_by_role("region", name="Metrics")).to_contain_text("No requests in this time.")
    expect(page.get_by_role("region", name="Logs")).to_contain_text("No log lines yet.")


def test_a_route_shows_rate_errors_and_duration(page: Page, receiver: Receiver) -> None:
    """Each route has its figures as text, and a chart of each with a text alternative."""
    send_every_signal(receiver)
    page.goto(receiver.url)
    card = page.get_by_role("listitem").filter(has_text="POST /orders")
    expect(card).to_have_text(
        "POST /ordersshopRatemax 2.0/s10 requestsErrors⚠ 10 %1 errorDurationp95 150.0 msp50 55.6 ms"
    )
    for name in ("Rate: 10 requests, up to 2.0/s", "Errors: 10 %", "Duration: p50 55.6 ms, p95 150.0 ms"):
        expect(card.get_by_role("img", name=name)).to_be_visible()


def test_a_bar_is_as_high_as_its_value(page: Page, receiver: Receiver) -> None:
    """One of ten requests failed: the bar of that slot has a tenth of the chart's height."""
    send_every_signal(receiver)
    page.goto(receiver.url)
    path = page.locator(".errors path")
    expect(path).to_have_attribute("d", re.compile(r"^M\S+ 0\.9h\S+v0\.1\d*h\S+z$"))


def test_an_exemplar_opens_its_trace(page: Page, receiver: Receiver) -> None:
    """An exemplar selects its span in its trace, and the address names both."""
    trace = send_every_signal(receiver)
    receiver.store.add(from_otlp(traces_body(proto_span(1, name="newer"))))
    page.goto(receiver.url)
    expect(page.get_by_role("heading", level=2, name="newer")).to_be_visible()
    page.get_by_role("button", name="Exemplar: 150.0 ms").click()
    expect(page.locator("tr:focus .label")).to_have_text("POST /orders")
    assert f"#{trace.trace_id}/{span_of(trace, 'POST /orders').span_id}" == page.evaluate("location.hash")
    save(page, "exemplar")


def test_a_route_is_searched(page: Page, receiver: Receiver) -> None:
    """The name of a route in the metrics searches its traces."""
    send_every_signal(receiver)
    page.goto(receiver.url)
    page.get_by_role("button", name="Search the traces of POST /orders, shop").click()
    expect(page.get_by_label("Route")).to_have_value("POST /orders")
    expect(page.locator("#state")).to_have_text("Live · 0 of 1 trace")  # the checkout's spans have no http.route


def test_a_log_line_opens_its_span(page: Page, receiver: Receiver) -> None:
    """A line of the trace selects its span, and expands what the span is in."""
    send_every_signal(receiver)
    page.goto(receiver.url)
    row(page, "place_order").click()
    page.keyboard.press("ArrowLeft")
    expect(row(page, "POST /reservations")).to_be_hidden()
    page.get_by_role("table", name="Log lines of the trace").get_by_role("button", name="out of stock").click()
    expect(page.locator("tr:focus .label")).to_have_text("POST /reservations")


def test_a_span_shows_its_log_lines(page: Page, receiver: Receiver) -> None:
    """The selected span's lines are in its details, and marked in the lines of the trace."""
    send_every_signal(receiver)
    page.goto(receiver.url)
    expect(row(page, "place_order")).to_contain_text("1 log line")
    row(page, "place_order").click()
    details = page.get_by_role("region", name="Details of the chosen span")
    expect(details.get_by_role("table", name="Log lines")).to_have_text(re.compile("INFOorder received$"))
    marked = page.locator(".lines tr[aria-current=true]")
    expect(marked).to_have_text(re.compile("INFOshoporder received items=3$"))
    row(page, "POST /orders").click()
    expect(marked).to_have_count(0)


def test_the_newest_lines_open_their_traces(page: Page, receiver: Receiver) -> None:
    """Lines of all services, newest first; one without a stored trace is no link."""
    send_every_signal(receiver)
    receiver.store.add(from_otlp(traces_body(proto_span(1, name="newer"))))
    page.goto(receiver.url)
    expect(page.get_by_role("heading", level=2, name="newer")).to_be_visible()
    newest = page.get_by_role("table", name="Newest log lines")
    expect(newest.locator("tbody tr")).to_contain_text(["⚠ ERROR", "INFO", "started"])
    expect(newest.get_by_role("button")).to_have_count(2)
    newest.get_by_role("button", name="out of stock").click()
    expect(page.locator("tr:focus .label")).to_have_text("POST /reservations")


def test_new_lines_keep_the_focus(page: Page, receiver: Receiver) -> None:
    """A reader keeps the focus on a line and on an exemplar while others arrive."""
    send_every_signal(receiver)
    page.goto(receiver.url)
    lines, exemplar = page.get_by_role("table", name="Newest log lines"), page.get_by_role("button", name="Exemplar")
    for focused, text in ((lines.get_by_role("button", name="out of stock"), "first"), (exemplar, "second")):
        focused.focus()
        post_otlp(receiver, "logs", logs_request(log_record(text)))
        expect(lines).to_contain_text(text)
        expect(focused).to_be_focused()


@pytest.mark.parametrize("part", ["", "/00000000000000ff"], ids=["trace", "span"])
def test_an_address_without_a_stored_trace_is_explained(page: Page, receiver: Receiver, part: str) -> None:
    """A link to a trace that is not stored any more shows that, and the connection is not reported as lost."""
    page.goto(f"{receiver.url}#{'f' * 32}{part}")
    expect(page.get_by_role("heading", name="Trace not found")).to_be_visible()
    expect(page.locator("#state")).to_have_text("Live · 0 traces")


def test_log_lines_that_arrive_late_are_added(page: Page, receiver: Receiver) -> None:
    """Lines that arrive after the trace appear without a reload."""
    send_checkout(receiver)
    page.goto(receiver.url)
    expect(row(page, "place_order")).to_be_visible()
    [trace] = receiver.store.traces().values()
    span = span_of(trace, "place_order")
    post_otlp(receiver, "logs", logs_request(log_record("late", trace_id=span.trace_id, span_id=span.span_id)))
    expect(page.get_by_role("table", name="Log lines of the trace")).to_contain_text("late")
