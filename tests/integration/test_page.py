"""The traces of the page in a real browser."""

import re
from time import time_ns

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from playwright.sync_api import Page, Response, expect
from support.builders.otlp import (
    duration_point,
    log_record,
    logs_request,
    metrics_request,
    proto_span,
    traces_body,
)
from support.processes.browser_page import names, post_otlp, row, save, send_checkout

from spanloom.testing import from_otlp
from spanloom_local.receiver import Receiver

HOSTILE = '<img src=x onerror="document.title=1">&amp;</td><script>document.title=1</script>\u202egnp.exe\x1b'
SHOWN = HOSTILE.replace("\u202e", "⟨U+202E⟩").replace("\x1b", "⟨U+001B⟩")


def test_an_empty_list_names_the_endpoint(page: Page, receiver: Receiver) -> None:
    """The empty list shows the address to send traces to."""
    page.goto(receiver.url)
    expect(page.get_by_text("No traces yet.")).to_be_visible()
    expect(page.get_by_text(f"OTEL_EXPORTER_OTLP_ENDPOINT={receiver.url}")).to_be_visible()
    save(page, "empty")


def test_a_new_trace_appears_as_a_waterfall(page: Page, receiver: Receiver) -> None:
    """Without a reload: service, name, kind, duration and status of each span, and the selected one's attributes."""
    page.goto(receiver.url)
    expect(page.get_by_text("No traces yet.")).to_be_visible()
    send_checkout(receiver)
    expect(row(page, "POST /reservations")).to_have_text(re.compile(r"warehouse ⚠ errorSERVER[\d.]+ (µs|ms)$"))
    assert ["POST /orders", "place_order", "POST", "POST /reservations", "UPDATE stock"] == names(page)
    row(page, "place_order").click()
    expect(page.get_by_role("region", name="Details of the chosen span")).to_contain_text("items3")
    save(page, "light")


def test_a_bar_shows_start_and_duration(page: Page, receiver: Receiver) -> None:
    """The second span starts after 40 ms of 50: its bar is the last fifth of the line."""
    receiver.store.add(from_otlp(traces_body(proto_span(1), proto_span(41, 1))))
    page.goto(receiver.url)
    line, bar = (page.locator("#tree tbody tr").nth(1).locator(each).bounding_box() for each in (".line", ".line i"))
    assert line
    assert bar
    assert pytest.approx((0.8, 0.2), abs=0.01) == ((bar["x"] - line["x"]) / line["width"], bar["width"] / line["width"])


def test_an_error_has_a_text(page: Page, receiver: Receiver) -> None:
    """An error is shown by text, not only by colour: in the list, in the row and in the details."""
    send_checkout(receiver)
    page.goto(receiver.url)
    expect(page.get_by_role("table", name="Traces")).to_contain_text("503 ⚠ 1 error")
    row(page, "POST /reservations").click()
    expect(page.get_by_text("⚠ Error out of stock")).to_be_visible()


def test_new_traces_keep_focus_and_position(page: Page, receiver: Receiver) -> None:
    """A reader keeps the open trace while others arrive; a live region announces them."""
    send_checkout(receiver)
    page.goto(receiver.url)
    row(page, "place_order").click()
    receiver.store.add(from_otlp(traces_body(proto_span(1, name="latecomer"))))
    expect(page.get_by_role("button", name="latecomer")).to_be_visible()
    expect(page.locator("#news")).to_have_text("1 new trace, 2 in the list")
    expect(page.locator("tr:focus .label")).to_have_text("place_order")


def test_a_growing_trace_keeps_the_selection(page: Page, receiver: Receiver) -> None:
    """Spans that arrive later are added without moving the selection."""
    receiver.store.add(from_otlp(traces_body(proto_span(1, name="outer"), proto_span(3, 1, name="chosen"))))
    page.goto(receiver.url)
    row(page, "chosen").click()
    receiver.store.add(from_otlp(traces_body(proto_span(2, 1, name="late"))))
    expect(row(page, "late")).to_be_visible()
    assert ["outer", "late", "chosen"] == names(page)
    expect(page.locator("tr:focus .label")).to_have_text("chosen")


def test_untrusted_names_are_shown_as_text(page: Page, receiver: Receiver) -> None:
    """Markup in names, attributes, services and messages is shown as text; invisible characters are made visible."""
    span = proto_span(1, name=HOSTILE, attributes={HOSTILE: AnyValue(string_value=HOSTILE)})
    span.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message=HOSTILE))
    receiver.store.add(from_otlp(traces_body(span, service=HOSTILE)))
    ids = {"trace_id": f"{1:032x}", "span_id": f"{1:016x}", HOSTILE: HOSTILE}
    post_otlp(receiver, "logs", logs_request(log_record(HOSTILE, severity=HOSTILE, **ids), service=HOSTILE))
    hostile = duration_point({float("inf"): 1}, start_ns=time_ns(), time_ns=time_ns(), route=HOSTILE, method="")
    post_otlp(receiver, "metrics", metrics_request(hostile, service=HOSTILE))
    page.goto(receiver.url)
    places = ("#list button bdi", "#title", ".label", "#details td bdi", "#details > .failure bdi", ".card .service")
    for place in (*places, "#lines .message > button", "#lines .severity bdi", "#search option:last-child"):
        expect(page.locator(place).first).to_have_text(SHOWN)
    assert "Spanloom: traces, metrics and logs" == page.title()
    expect(page.get_by_role("rowheader", name=SHOWN, exact=True)).to_have_count(1)
    expect(page.locator(".card h3")).to_have_text(f" {SHOWN}")
    expect(page.locator("#lines .fields")).to_have_text(f"{SHOWN}={SHOWN}")
    assert 0 == page.locator("main img, main script").count()
    save(page, "hostile")


def test_the_content_security_policy_blocks_scripts(page: Page, receiver: Receiver) -> None:
    """The policy allows only the page's own script and no other origin."""
    response = page.goto(receiver.url)
    assert isinstance(response, Response)
    policy = response.headers["content-security-policy"]
    assert re.search(r"default-src 'none'; script-src 'sha256-[^ ']+'; style-src 'sha256-[^ ']+';", policy)
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("parents", "note"),
    [((2, 1), "parents go in a circle"), ((9,), "parent missing"), ((None, *range(1, 400)), "")],
    ids=["circle", "orphan", "400 levels"],
)
def test_invalid_traces_are_shown_completely(
    page: Page, receiver: Receiver, parents: tuple[int | None, ...], note: str
) -> None:
    """Every span has a row, and an invalid parent is stated."""
    spans = [proto_span(number, parent, name=f"span {number}") for number, parent in enumerate(parents, start=1)]
    receiver.store.add(from_otlp(traces_body(*spans)))
    page.goto(receiver.url)
    expect(page.locator("#tree tbody tr")).to_have_count(len(parents))
    expect(page.locator("#tree tbody tr").first).to_contain_text(note)


def test_a_lost_connection_is_shown_until_it_is_back(page: Page, receiver: Receiver) -> None:
    """The page shows that the demo has stopped, and recovers when it runs again."""
    page.goto(receiver.url)
    expect(page.locator("#state")).to_have_text("Live · 0 traces")
    receiver.stop()
    expect(page.locator("#state")).to_contain_text("Not connected")
    receiver.start()
    expect(page.locator("#state")).to_have_text("Live · 0 traces")
