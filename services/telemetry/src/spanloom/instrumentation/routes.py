"""The template of the route that was matched, `/users/{user_id}`, with the templates of all mounts and prefixes.

Starlette's and FastAPI's routes are asked as they begin to handle a request: by then it is certain which one was
matched, a middleware that copies the scope is no obstacle, and what a caller wrote into the path is not in it.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from spanloom.instrumentation.base import LazyInstrumentor
    from spanloom.tracing.guard import Guard

CALL = "spanloom"  # in the scope or environment: the call that this request belongs to


def wrap_starlette(instrumentor: LazyInstrumentor, module: Any) -> None:
    """Wrap the routes of Starlette, from which FastAPI's are derived."""
    for name, note in (("Route", note_route), ("WebSocketRoute", note_route), ("Mount", note_mount)):
        instrumentor.wrap(getattr(module, name), "handle", _asking(note, instrumentor.guard))


def wrap_fastapi(instrumentor: LazyInstrumentor, module: Any) -> None:
    """Wrap FastAPI's own `handle`, where a route has one (0.137 and later)."""
    for name in ("APIRoute", "APIWebSocketRoute"):
        instrumentor.wrap(getattr(module, name), "handle", _asking(note_route, instrumentor.guard))


def _asking(note: Callable[[Any, Any, Any], None], guard: Guard) -> Callable[[Any], Any]:
    def around(handle: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        @wraps(handle)
        def asked(route: Any, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
            try:
                call = scope.get(CALL)
                if call is not None:
                    note(call, route, scope)
            except Exception as error:
                guard.failed(error)
            return handle(route, scope, receive, send)

        return asked

    return around


def note_route(call: Any, route: Any, scope: Any) -> None:
    """Note the template of a route; in FastAPI since 0.137 that of a router's route is in the scope, with prefixes."""
    effective = scope.get("fastapi", {}).get("effective_route_context")
    if effective is not None and effective.original_route is route:
        route = getattr(effective, "starlette_route", None) or effective
    call.route = getattr(route, "path_format", None) or route.path


def note_mount(call: Any, mount: Any, scope: Any) -> None:
    """Note the template of a mount, above whatever is matched inside it."""
    call.mounted += mount.path
    call.route = None
