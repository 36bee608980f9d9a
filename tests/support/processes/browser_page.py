"""The page of traces in a browser: a trace to show, its rows, and screenshots."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from opentelemetry.trace import SpanKind, StatusCode
from support.builders.otlp import sender

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

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


def save(page: Page, name: str) -> None:
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", full_page=True)


def names(page: Page) -> list[str]:
    return page.get_by_role("treegrid").locator("tbody tr:visible .label").all_inner_texts()


def row(page: Page, name: str) -> Locator:
    """Return the row of the span with that name."""
    return page.get_by_role("treegrid").get_by_role("row", name=name)
