"""The page of traces and its JSON API."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

    from spanloom.traces.model import Span, Trace
    from spanloom_local.store import Store

EXACT_IN_JAVASCRIPT = 2**53
NANOSECONDS_PER_MICROSECOND = 1_000
SCRIPTS = ("elements.js", "list.js", "waterfall.js", "details.js", "polling.js")  # in the order of their use


def routes(store: Store) -> list[Route]:
    """Return the routes: the page at `/`, its API at `/api/traces` and `/api/traces/{trace_id}`."""

    async def page(_: Request) -> Response:
        return HTMLResponse(_html(), headers={"Content-Security-Policy": _policy(), **HEADERS})

    async def traces(request: Request) -> Response:
        tag = f'"{store.version}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"ETag": tag})
        newest_first = [summary(trace) for trace in reversed(store.traces().values())]
        return JSONResponse({"traces": newest_first}, headers={"ETag": tag, **HEADERS})

    async def trace(request: Request) -> Response:
        found = store.trace(request.path_params["trace_id"])
        if found is None:
            return JSONResponse({"title": "Trace not found; only the most recent traces are stored"}, status_code=404)
        return JSONResponse(detail(found), headers=HEADERS)

    return [Route("/", page), Route("/api/traces", traces), Route("/api/traces/{trace_id}", trace)]


HEADERS = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


def summary(trace: Trace) -> dict[str, Any]:
    """Return a row of the list. `start_ms` since the epoch; `duration_us` from the first start to the last end."""
    top = trace.tops[0] if trace.tops else trace.spans[0]
    return {
        "trace_id": trace.trace_id,
        "name": top.name,
        "service": top.service,
        "status_code": top.attributes.get("http.response.status_code"),
        "services": sorted({span.service for span in trace.spans}),
        "spans": len(trace.spans),
        "errors": sum(span.status == "ERROR" for span in trace.spans),
        "start_ms": _start_ns(trace) / 1_000_000,
        "duration_us": _microseconds(max(span.end_ns for span in trace.spans) - _start_ns(trace)),
    }


def detail(trace: Trace) -> dict[str, Any]:
    """Return a trace with its spans ordered by start, their times in microseconds from the trace's start."""
    start = _start_ns(trace)
    return {**summary(trace), "members": [_member(span, start) for span in trace.spans]}


def _member(span: Span, start_ns: int) -> dict[str, Any]:
    return {
        "span_id": span.span_id,
        "parent_id": span.parent_id,
        "name": span.name,
        "kind": span.kind,
        "service": span.service,
        "offset_us": _microseconds(span.start_ns - start_ns),
        "duration_us": _microseconds(span.end_ns - span.start_ns),
        "status": span.status,
        "message": span.message,
        "scope": span.scope,
        "attributes": json_safe(span.attributes),
        "resource": json_safe(span.resource),
        "events": json_safe(span.events),
        "links": list(span.links),
    }


def json_safe(value: Any) -> Any:
    """Return `value` as JSON without loss in JavaScript: text for numbers it cannot represent, bytes in hex."""
    if isinstance(value, dict):
        return {key: json_safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    lossy = (isinstance(value, float) and not math.isfinite(value)) or (
        isinstance(value, int) and abs(value) >= EXACT_IN_JAVASCRIPT
    )
    return str(value) if lossy else value


def _start_ns(trace: Trace) -> int:
    return min(span.start_ns for span in trace.spans)


def _microseconds(nanoseconds: int) -> float:
    return nanoseconds / NANOSECONDS_PER_MICROSECOND


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
