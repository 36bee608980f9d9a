"""Template of the matched route, `/users/{user_id}`, with the templates of mounts and prefixes.

The template is read when a route of Starlette or FastAPI starts to handle a request: the match is then final,
middleware that copies the scope has no effect, and the template contains no data of the caller.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from spanloom.core.guard import Guard
    from spanloom.instrumentation.hooks import Hooks

CALL = "spanloom"  # scope and environment key of the request's call


def wrap_starlette(hooks: Hooks, module: Any) -> None:
    """Wrap the routes of Starlette, the base classes of FastAPI's."""
    for name, record in (("Route", record_route), ("WebSocketRoute", record_route), ("Mount", record_mount)):
        hooks.wrap(getattr(module, name), "handle", _around_handle(record, hooks.guard))


def wrap_fastapi(hooks: Hooks, module: Any) -> None:
    """Wrap FastAPI's own `handle` (0.137 and later)."""
    for name in ("APIRoute", "APIWebSocketRoute"):
        hooks.wrap(getattr(module, name), "handle", _around_handle(record_route, hooks.guard))


def _around_handle(record: Callable[[Any, Any, Any], None], guard: Guard) -> Callable[[Any], Any]:
    def around(handle: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        @wraps(handle)
        def handle_and_record(route: Any, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
            try:
                call = scope.get(CALL)
                if call is not None:
                    record(call, route, scope)
            except Exception as error:
                guard.record_failure(error)
            return handle(route, scope, receive, send)

        return handle_and_record

    return around


def record_route(call: Any, route: Any, scope: Any) -> None:
    """Record the template of a route.

    In FastAPI 0.137 and later, the template of a router's route, prefixes included, is in the scope.
    """
    effective = scope.get("fastapi", {}).get("effective_route_context")
    if effective is not None and effective.original_route is route:
        route = getattr(effective, "starlette_route", None) or effective
    call.route = getattr(route, "path_format", None) or route.path


def record_mount(call: Any, mount: Any, scope: Any) -> None:
    """Record the template of a mount, which precedes the template of the route inside."""
    call.mount_path += mount.path
    call.route = None
