"""The page of traces in a real browser."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from opentelemetry.trace import SpanKind, StatusCode
from playwright.sync_api import Browser, Locator, Page, Response, expect
from support.builders.otlp import proto_span, sender, traces_body

from spanloom.testing import from_otlp
from spanloom_local.receiver import Receiver

SCREENSHOTS = os.environ.get("SCREENSHOTS")  # a directory for screenshots of the tests
HOSTILE = '<img src=x onerror="document.title=1">&amp;</td><script>document.title=1</script>\u202egnp.exe\x1b'
SHOWN = HOSTILE.replace("\u202e", "⟨U+202E⟩").replace("\x1b", "⟨U+001B⟩")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def page(browser: Browser, receiver: Receiver) -> Iterator[Page]:
    """Return a page; fail the test if it reported an error or requested anything but the receiver."""
    tab = browser.new_page(viewport={"width": 1280, "height": 800})
    wrong: list[str] = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on(
        "request",
        lambda request: None if request.url.startswith((receiver.url, "data:")) else wrong.append(request.url),
    )
    yield tab
    tab.close()
    assert [] == wrong


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


def save(page: Page, name: str) -> None:
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", full_page=True)


def names(page: Page) -> list[str]:
    return page.get_by_role("treegrid").locator("tbody tr:visible .label").all_inner_texts()


def row(page: Page, name: str) -> Locator:
    """Return the row of the span with that name."""
    return page.get_by_role("treegrid").get_by_role("row", name=name)


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


def test_the_tree_has_keyboard_navigation(page: Page, receiver: Receiver) -> None:
    """The keys of a treegrid: up, down, home, end; left collapses or goes to the parent, right expands."""
    send_checkout(receiver)
    page.goto(receiver.url)
    row(page, "POST /orders").focus()
    focused = page.locator("tr:focus .label")
    keys = [
        ("ArrowDown", "place_order"),
        ("ArrowUp", "POST /orders"),
        ("End", "UPDATE stock"),
        ("ArrowLeft", "POST /reservations"),
        ("ArrowLeft", "POST /reservations"),
        ("ArrowDown", "POST /reservations"),
        ("ArrowRight", "POST /reservations"),
        ("ArrowRight", "UPDATE stock"),
        ("Home", "POST /orders"),
    ]
    for key, name in keys:
        page.keyboard.press(key)
        expect(focused).to_have_text(name)
        expect(page.locator("#details h3").first).to_have_text(name)


def test_a_collapsed_span_hides_its_children(page: Page, receiver: Receiver) -> None:
    """aria-expanded follows; a nested collapsed span stays collapsed when its parent is expanded."""
    send_checkout(receiver)
    page.goto(receiver.url)
    outer, inner = row(page, "place_order"), row(page, "POST /reservations")
    for each in (inner, outer):
        each.click()
        page.keyboard.press("ArrowLeft")
        expect(each).to_have_attribute("aria-expanded", "false")
    assert ["POST /orders", "place_order"] == names(page)
    page.keyboard.press("ArrowRight")
    expect(outer).to_have_attribute("aria-expanded", "true")
    assert ["POST /orders", "place_order", "POST", "POST /reservations"] == names(page)


def test_the_list_has_keyboard_navigation(page: Page, receiver: Receiver) -> None:
    """Tab focuses the newest trace, the arrow keys move, Enter opens a trace and changes the address."""
    for trace, name in ((1, "older"), (2, "newer")):
        receiver.store.add(from_otlp(traces_body(proto_span(1, trace=trace, name=name))))
    page.goto(receiver.url)
    expect(page.get_by_role("button", name="newer")).to_be_visible()
    for key in ("Tab", "Tab", "ArrowDown"):
        page.keyboard.press(key)
    expect(page.locator("button:focus")).to_have_text("older")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=2, name="older")).to_be_visible()
    expect(page.locator("[aria-current=true]")).to_have_text("older")
    page.reload()
    expect(page.get_by_role("heading", level=2, name="older")).to_be_visible()


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
    page.goto(receiver.url)
    for place in ("#list button bdi", "#title", ".label", "#details th bdi", "#details td bdi", ".failure bdi"):
        expect(page.locator(place).first).to_have_text(SHOWN)
    assert "Spanloom: traces" == page.title()
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


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_the_page_follows_the_colour_scheme(page: Page, receiver: Receiver, scheme: str, dark: bool) -> None:
    """Dark background and light text in a dark colour scheme; both schemes have enough contrast."""
    page.emulate_media(color_scheme="dark" if dark else "light")
    send_checkout(receiver)
    page.goto(receiver.url)
    expect(row(page, "place_order")).to_be_visible()
    ground = luminance(page, "body", "backgroundColor")
    assert dark == (ground < 0.2)
    for place in (".label", ".kind", ".service", ".status.error", ".under", ".badge", "#state"):
        assert contrast(luminance(page, place, "color"), ground) >= 4.5, place  # WCAG 2.2, 1.4.3
    save(page, scheme)


def test_a_narrow_screen_cuts_nothing(page: Page, receiver: Receiver) -> None:
    """At 360 pixels the list is above the waterfall, and nothing exceeds the width."""
    page.set_viewport_size({"width": 360, "height": 740})
    send_checkout(receiver)
    page.goto(receiver.url)
    expect(row(page, "place_order")).to_be_visible()
    edges = "[...document.querySelectorAll('main *')].map(element => element.getBoundingClientRect().right)"
    assert 360 >= max(page.evaluate(edges))
    save(page, "telephone")


def test_the_page_has_roles_for_screen_readers(page: Page, receiver: Receiver) -> None:
    """Landmarks, headings, a table of buttons, and a tree with levels."""
    send_checkout(receiver)
    page.goto(receiver.url)
    expect(row(page, "place_order")).to_be_visible()
    expect(page.locator("body")).to_match_aria_snapshot("""
      - banner:
        - 'heading "Spanloom: traces" [level=1]'
        - status: "Live · 1 trace"
      - main:
        - region "Traces":
          - heading "Traces" [level=2]
          - table "Traces":
            - rowgroup:
              - row:
                - columnheader "Request and result"
                - columnheader "Duration"
            - rowgroup:
              - row:
                - cell:
                  - button "POST /orders"
        - region "POST /orders":
          - heading "POST /orders" [level=2]
          - treegrid "Spans of POST /orders":
            - rowgroup
            - rowgroup:
              - row /POST .orders/ [expanded] [level=1] [selected]
              - row /place_order/ [expanded] [level=2]
              - row /POST shop/ [expanded] [level=3]
              - row /POST .reservations warehouse ⚠ error/ [expanded] [level=4]
              - row /UPDATE stock/ [level=5]
          - region "Details of the chosen span"
    """)


def test_a_lost_connection_is_shown_until_it_is_back(page: Page, receiver: Receiver) -> None:
    """The page shows that the demo has stopped, and recovers when it runs again."""
    page.goto(receiver.url)
    expect(page.locator("#state")).to_have_text("Live · 0 traces")
    receiver.stop()
    expect(page.locator("#state")).to_contain_text("Not connected")
    receiver.start()
    expect(page.locator("#state")).to_have_text("Live · 0 traces")


def luminance(page: Page, selector: str, role: str) -> float:
    """Return the relative luminance (WCAG 2.2) of an element's colour, 0 to 1."""
    colour = page.locator(selector).first.evaluate(f"element => getComputedStyle(element).{role}")
    channels = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: float, other: float) -> float:
    """Return the contrast ratio (WCAG 2.2) of two luminances, 1 to 21."""
    low, high = sorted((one, other))
    return (high + 0.05) / (low + 0.05)
