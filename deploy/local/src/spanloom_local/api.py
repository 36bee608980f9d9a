"""The JSON API of the page."""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from spanloom_local.route_metrics import SLOT_SECONDS, SLOTS
from spanloom_local.search import Search, SearchError, choices
from spanloom_local.views import detail, log_line, red, summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from spanloom_local.store import Store

HEADERS = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
SHOWN_TRACES = SHOWN_LINES = 200


def routes(store: Store) -> list[Route]:
    """Return the routes of the API: traces and their search, one trace with its log lines, log lines, metrics."""

    async def traces(request: Request) -> Response:
        try:
            search = Search.from_query(request.query_params.multi_items())
        except SearchError as error:
            return _problem(str(error), 400)
        return _newer(request, store, lambda: found(store, search))

    async def trace(request: Request) -> Response:
        stored = store.trace(request.path_params["trace_id"])
        if stored is None:
            return _problem("Trace not found; only the most recent traces are stored", 404)
        return JSONResponse(detail(stored, store.lines.of_trace(stored.trace_id)), headers=HEADERS)

    async def logs(request: Request) -> Response:
        return _newer(request, store, lambda: newest_lines(store))

    async def metrics(_: Request) -> Response:
        return JSONResponse(measured(store, time_ns()), headers=HEADERS)

    return [
        Route("/api/traces", traces),
        Route("/api/traces/{trace_id}", trace),
        Route("/api/logs", logs),
        Route("/api/metrics", metrics),
    ]


def found(store: Store, search: Search) -> dict[str, Any]:
    """Return the newest traces that satisfy the search, their number, and what a search can choose from."""
    stored, counts = store.traces(), store.lines.counts()
    newest_first = [trace for trace in reversed(stored.values()) if search.is_satisfied_by(trace)]
    return {
        "traces": [summary(trace, counts[trace.trace_id]) for trace in newest_first[:SHOWN_TRACES]],
        "found": len(newest_first),
        "stored": len(stored),
        **choices(stored.values()),
    }


def newest_lines(store: Store) -> dict[str, Any]:
    """Return the newest log lines, each with whether its trace is stored."""
    lines = store.lines.newest(SHOWN_LINES)
    return {
        "lines": [{**log_line(line), "is_stored": store.has(line.trace_id)} for line in lines],
        "stored": len(store.lines),
    }


def measured(store: Store, now_ns: int) -> dict[str, Any]:
    """Return rate, errors and duration of each route in the window that ends now."""
    return {
        "slot_seconds": SLOT_SECONDS,
        "window_seconds": SLOT_SECONDS * SLOTS,
        "end_ms": now_ns // (SLOT_SECONDS * 10**9) * SLOT_SECONDS * 1000 + SLOT_SECONDS * 1000,
        "routes": [red(each, store.has) for each in store.routes.routes(now_ns)],
    }


def _newer(request: Request, store: Store, content: Callable[[], dict[str, Any]]) -> Response:
    """Return the content, or 304 if the client has the current version.

    The version is read first: what arrives meanwhile belongs to the next one.
    """
    tag = f'"{store.version}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    return JSONResponse(content(), headers={"ETag": tag, **HEADERS})


def _problem(title: str, status: int) -> Response:
    return JSONResponse({"title": title}, status, headers=HEADERS)
