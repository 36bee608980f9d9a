"""The API documentation of the services in a browser without internet access."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Route

SCREENSHOTS = os.environ.get("SCREENSHOTS")  # a directory for screenshots of the tests
# ReDoc's bundle shows this logo, or nothing in its place.
OPTIONAL = "https://cdn.redoc.ly/redoc/logo-mini.svg"
SERVICES = pytest.mark.parametrize("service", ["users_api_url", "users_db_url"])


@contextmanager
def isolated(browser: Browser, url: str) -> Iterator[Page]:
    """Yield a page that can connect to `url` only; AssertionError if it requested anything else, or failed."""
    wrong: list[str] = []

    def only_the_service(route: Route) -> None:
        if route.request.url.startswith((url, "data:", "blob:")):
            route.continue_()
        else:
            wrong.append(route.request.url)
            route.abort()

    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.route("**/*", only_the_service)
    try:
        yield page
    finally:
        page.close()
    assert set() == set(wrong) - {OPTIONAL}


def save(page: Page, name: str) -> None:
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")


@SERVICES
def test_swagger_ui_needs_no_internet(service: str, browser: Browser, request: pytest.FixtureRequest) -> None:
    """GET /docs shows the operations, and an operation can be executed."""
    url = request.getfixturevalue(service)
    with isolated(browser, url) as page:
        page.goto(f"{url}/docs")
        page.get_by_role("button", name="GET /healthz", exact=False).first.click()
        page.get_by_role("button", name="Try it out").click()
        page.get_by_role("button", name="Execute").click()
        expect(page.locator(".live-responses-table tbody .response-col_status")).to_have_text("200")
        save(page, f"docs-{service}")


@SERVICES
def test_redoc_needs_no_internet(service: str, browser: Browser, request: pytest.FixtureRequest) -> None:
    """GET /redoc shows the operations."""
    url = request.getfixturevalue(service)
    with isolated(browser, url) as page:
        page.goto(f"{url}/redoc")
        expect(page.get_by_text("/users/{user_id}").first).to_be_visible()
        save(page, f"redoc-{service}")
