"""The search of traces: the page in a real browser, and its JSON API."""

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from playwright.sync_api import Page, expect
from support.builders.otlp import proto_span, traces_body
from support.builders.pages import blocks, quoted_lines
from support.processes.browser_page import save

from spanloom.testing import from_otlp
from spanloom_local.journey import send
from spanloom_local.receiver import Receiver

WRONG = "min_duration='50' is not understood; expected a number and us, ms or s, such as 50ms"


@pytest.fixture
def three_traces(receiver: Receiver) -> Receiver:
    """Return a receiver with traces 1 to 3 of the services first to third and the routes /1 to /3."""
    for number, service in enumerate(("first", "second", "third"), start=1):
        attributes = {
            "http.route": AnyValue(string_value=f"/{number}"),
            "http.request.method": AnyValue(string_value="GET"),
        }
        span = proto_span(1, trace=number, name=f"GET /{number}", attributes=attributes)
        receiver.store.add(from_otlp(traces_body(span, service=service)))
    return receiver


def open_search(page: Page, receiver: Receiver) -> None:
    page.goto(receiver.url)
    expect(page.locator("#state")).to_have_text("Live · 3 traces")
    page.locator("#search summary").click()


def listed(page: Page) -> list[str]:
    return page.get_by_role("table", name="Traces").get_by_role("button").all_inner_texts()


def test_a_search_shows_what_it_finds(page: Page, three_traces: Receiver) -> None:
    """The list shows the traces that are found, also those that arrive later; Clear shows every trace."""
    open_search(page, three_traces)
    page.get_by_label("Service").select_option("second")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator("#state")).to_have_text("Live · 1 of 3 traces")
    expect(page.locator("#news")).to_have_text("1 of 3 traces found")
    assert ["GET /2"] == listed(page)
    for number, service in ((4, "second"), (5, "fifth")):
        three_traces.store.add(from_otlp(traces_body(proto_span(1, trace=number, name="later"), service=service)))
    expect(page.locator("#state")).to_have_text("Live · 2 of 5 traces")
    assert ["later", "GET /2"] == listed(page)
    save(page, "search")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#state")).to_have_text("Live · 5 traces")


def test_the_address_keeps_the_search(page: Page, three_traces: Receiver) -> None:
    """A search by keyboard; its address can be shared and reloaded."""
    open_search(page, three_traces)
    page.get_by_label("Route").focus()
    page.keyboard.type("GET /3")
    page.keyboard.press("Tab")
    page.keyboard.type("ok")
    page.keyboard.press("Enter")
    expect(page.locator("#state")).to_have_text("Live · 1 of 3 traces")
    page.reload()
    expect(page.locator("#state")).to_have_text("Live · 1 of 3 traces")
    expect(page.get_by_label("Route")).to_have_value("GET /3")
    expect(page.get_by_label("Status")).to_have_value("ok")


def test_wrong_input_has_one_clear_line(page: Page, three_traces: Receiver) -> None:
    """An alert names the parameter, its value and what is expected; the list stays; corrected input removes it."""
    open_search(page, three_traces)
    page.get_by_label("Shortest duration").fill("50")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text(f"⚠ {WRONG}")
    expect(page.locator("#state")).to_have_text("Live · 3 traces")
    save(page, "refusal")
    page.get_by_label("Shortest duration").fill("5ms")
    page.keyboard.press("Enter")
    expect(page.locator("#state")).to_have_text("Live · 3 of 3 traces")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_wrong_address_has_one_clear_line(page: Page, three_traces: Receiver) -> None:
    """A search in the address that is not understood is refused as one in the form, and every trace is listed."""
    page.goto(f"{three_traces.url}/?min_duration=50")
    expect(page.get_by_role("alert")).to_have_text(f"⚠ {WRONG}")
    expect(page.locator("#state")).to_have_text("Live · 3 traces")


def test_a_search_without_result_says_so(page: Page, three_traces: Receiver) -> None:
    """No trace is found: the page does not claim that there are none."""
    open_search(page, three_traces)
    page.get_by_role("textbox", name="Attribute").fill("http.route=/9")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No trace satisfies the search.")).to_be_visible()
    expect(page.get_by_text("No traces yet.")).to_be_hidden()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [3, 2, 1]),
        ("?service=first", [1]),
        ("?route=GET%20/2", [2]),
        ("?status=ok&min_duration=10ms", [3, 2, 1]),
        ("?min_duration=11ms", []),
        ("?attribute=http.route%3D/3", [3]),
    ],
)
def test_the_api_finds_traces(three_traces: Receiver, query: str, expected: list[int]) -> None:
    """GET /api/traces has the traces that satisfy the query, newest first, and how many are found and stored."""
    body = send(three_traces.url, "GET", f"/api/traces{query}").body
    assert expected == [int(trace["trace_id"], 16) for trace in body["traces"]]
    assert (len(expected), 3) == (body["found"], body["stored"])
    assert ["first", "second", "third"] == body["services"]


def test_the_request_of_the_guide_is_understood(receiver: Receiver) -> None:
    """The request that docs/guide.md shows is a valid one."""
    [shown] = [block.text for block in blocks("docs/guide.md") if block.language == "http"]
    method, url = shown.split()
    assert 200 == send(receiver.url, method, url.removeprefix("http://127.0.0.1:4318")).status


def test_the_message_of_the_guide_is_printed() -> None:
    """The refusal that docs/guide.md shows is the one of the API."""
    assert WRONG in quoted_lines("docs/guide.md")


def test_the_api_refuses_a_wrong_search(receiver: Receiver) -> None:
    """Status 400 with the line that the page shows."""
    response = send(receiver.url, "GET", "/api/traces?min_duration=50")
    assert (400, {"title": WRONG}) == (response.status, response.body)
