"""The page of traces with the keyboard, a screen reader, and any screen."""

import re

import pytest
from playwright.sync_api import Page, expect
from support.builders.otlp import logs_request, proto_span, traces_body
from support.processes.browser_page import line, names, post_otlp, row, save, send_checkout, send_every_signal, span_of

from spanloom.testing import from_otlp
from spanloom_local.receiver import Receiver

SNAPSHOT = """
- banner:
  - 'heading "Spanloom: traces, metrics and logs" [level=1]'
  - status: "Live · 1 trace"
- main:
  - region "Metrics":
    - heading "Metrics" [level=2]
    - list "Metrics":
      - listitem:
        - heading "Search the traces of POST /orders, shop" [level=3]:
          - button "Search the traces of POST /orders, shop"
        - 'img "Rate: 10 requests, up to 2.0/s"'
        - 'img "Errors: 10 %"'
        - 'img /Duration: p50 .*, p95 150.0 ms/'
        - 'button /Exemplar: 150.0 ms at .*, opens its trace/'
  - region "Traces":
    - heading "Traces" [level=2]
    - group:
      - search "Traces":
        - combobox "Service"
        - combobox "Route"
        - 'textbox "Status: ok, error or a code"'
        - textbox "Shortest duration, as 50ms"
        - textbox "Attribute, as key=value"
        - paragraph:
          - button "Search"
          - button "Clear"
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
        - row /place_order shop · 1 log line/ [expanded] [level=2]
        - row /POST shop/ [expanded] [level=3]
        - row /POST .reservations warehouse ⚠ error/ [expanded] [level=4]
        - row /UPDATE stock/ [level=5]
    - heading "Log lines of the trace" [level=3]
    - table "Log lines of the trace":
      - rowgroup
      - rowgroup:
        - row:
          - cell
          - cell "INFO"
          - cell "shop"
          - cell:
            - button "order received"
        - row:
          - cell
          - cell "⚠ ERROR"
    - region "Details of the chosen span"
  - region "Logs":
    - heading "Logs" [level=2]
    - table "Newest log lines"
"""


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
    """Tab focuses the newest trace after the search, the arrow keys move, Enter opens a trace."""
    for trace, name in ((1, "older"), (2, "newer")):
        receiver.store.add(from_otlp(traces_body(proto_span(1, trace=trace, name=name))))
    page.goto(receiver.url)
    expect(page.get_by_role("button", name="newer")).to_be_visible()
    for key in ("Tab", "Enter", "Tab", "Tab", "ArrowDown"):  # skip to the traces, pass their search
        page.keyboard.press(key)
    expect(page.locator("button:focus")).to_have_text("older")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=2, name="older")).to_be_visible()
    expect(page.locator("[aria-current=true]")).to_have_text("older")
    page.reload()
    expect(page.get_by_role("heading", level=2, name="older")).to_be_visible()


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_the_page_follows_the_colour_scheme(page: Page, receiver: Receiver, scheme: str, dark: bool) -> None:
    """Dark background and light text in a dark colour scheme; both schemes have enough contrast."""
    page.emulate_media(color_scheme="dark" if dark else "light")
    send_every_signal(receiver)
    page.goto(receiver.url)
    expect(row(page, "place_order")).to_be_visible()
    page.locator("#search summary").click()
    ground = luminance(page, "body", "backgroundColor")
    assert dark == (ground < 0.2)
    texts = (".label", ".kind", ".service", ".status.error", ".under", ".badge", "#state", ".heading p", ".value")
    for place in (*texts, ".failing", ".message button", ".fields", "#search label", "#search input"):
        assert contrast(luminance(page, place, "color"), ground) >= 4.5, place  # WCAG 2.2, 1.4.3
    for place in (".rate path", ".errors path", ".durations path"):
        assert contrast(luminance(page, place, "fill"), ground) >= 3, place  # WCAG 2.2, 1.4.11
    save(page, scheme)


def test_the_signals_are_linked_by_keyboard(page: Page, receiver: Receiver) -> None:
    """From an exemplar to its trace, from there to a log line, and from the line to its span."""
    send_every_signal(receiver)
    page.goto(receiver.url)
    expect(row(page, "place_order")).to_be_visible()
    for key in ("Tab", "Tab", "Tab", "Tab", "Enter"):  # two links that skip parts, the route, its exemplar
        page.keyboard.press(key)
    expect(page.locator("tr:focus .label")).to_have_text("POST /orders")
    for key in ("Tab", "Tab", "Enter"):  # the first line of the trace, the second one
        page.keyboard.press(key)
    expect(page.locator("tr:focus .label")).to_have_text("POST /reservations")


def test_a_narrow_screen_cuts_nothing(page: Page, receiver: Receiver) -> None:
    """At 360 pixels the list is above the waterfall, and nothing exceeds the width."""
    page.set_viewport_size({"width": 360, "height": 740})
    trace = send_every_signal(receiver)
    post_otlp(receiver, "logs", logs_request(line("long" * 50, span_of(trace, "place_order"), key="long" * 50)))
    page.goto(receiver.url)
    expect(page.get_by_role("table", name="Newest log lines")).to_contain_text("longlong")
    edges = "[...document.querySelectorAll('main *')].map(element => element.getBoundingClientRect().right)"
    assert 360 >= max(page.evaluate(edges))
    save(page, "telephone")


def test_the_page_has_roles_for_screen_readers(page: Page, receiver: Receiver) -> None:
    """Landmarks, headings, a list of routes, a search, tables of buttons, and a tree with levels."""
    send_every_signal(receiver)
    page.goto(receiver.url)
    expect(row(page, "place_order")).to_be_visible()
    page.locator("#search summary").click()
    expect(page.locator("body")).to_match_aria_snapshot(SNAPSHOT)


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
