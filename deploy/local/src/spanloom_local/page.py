"""The page of traces, metrics and log lines."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from spanloom_local import api
from spanloom_local.api import HEADERS

if TYPE_CHECKING:
    from starlette.requests import Request

    from spanloom_local.store import Store

SCRIPTS = (
    "elements.js", "charts.js", "metrics.js", "search.js", "list.js", "lines.js", "waterfall.js", "details.js",
    "polling.js",
)  # fmt: skip # in the order of their use


def routes(store: Store) -> list[Route]:
    """Return the routes: the page at `/` and its API below `/api`."""

    async def page(_: Request) -> Response:
        return HTMLResponse(_html(), headers={"Content-Security-Policy": _policy(), **HEADERS})

    return [Route("/", page), *api.routes(store)]


@cache
def _html() -> str:
    """Return the page with its style and scripts inline."""
    style, script = _asset("page.css"), "\n".join(map(_asset, SCRIPTS))
    page = _asset("page.html").replace("<style></style>", f"<style>\n{style}</style>")
    return page.replace("<script></script>", f"<script>\n{script}</script>")


def _asset(name: str) -> str:
    return files("spanloom_local").joinpath("assets", name).read_text(encoding="utf-8")


@cache
def _policy() -> str:
    """Return the Content-Security-Policy: the page's own script and style by hash, and its own API."""
    script, style = (_hash(tag) for tag in ("script", "style"))
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hash(tag: str) -> str:
    found = re.search(rf"<{tag}>(.*?)</{tag}>", _html(), re.DOTALL)
    content = found[1] if found else ""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
