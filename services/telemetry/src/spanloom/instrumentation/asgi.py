"""Requests and WebSocket connections of ASGI applications: FastAPI, Starlette, and any other that uvicorn runs.

The hook is outside every middleware, so it sees all of them, decides about the caller's context before anybody reads
it, and switches FastAPI's own telemetry off for the request.
"""

from __future__ import annotations

import asyncio
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from spanloom.instrumentation import routes
from spanloom.instrumentation.asgi_call import AsgiCall, ExcludedCall, WebSocketCall
from spanloom.instrumentation.base import LazyInstrumentor
from spanloom.instrumentation.server_call import server_durations
from spanloom.tracing.context import attach
from spanloom.tracing.guard import leave

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from spanloom.instrumentation.asgi_call import Message, Scope
    from spanloom.instrumentation.base import Options
    from spanloom.tracing.guard import Guard

    Send = Callable[[Message], Awaitable[None]]
    App = Callable[..., Awaitable[None]]

APPLICATIONS = {"fastapi.applications": "FastAPI", "starlette.applications": "Starlette"}
FASTAPI_TELEMETRY = "fastapi.telemetry"  # in the scope: FastAPI's own telemetry leaves this request alone
LIFESPAN_ENDS = ("lifespan.shutdown.complete", "lifespan.shutdown.failed")


class AsgiInstrumentor(LazyInstrumentor):
    """Hooks FastAPI, Starlette and uvicorn once they are imported."""

    name = "asgi"

    def hook(self, options: Options) -> None:
        """Wrap the applications, their routes, and for applications of other frameworks uvicorn."""
        hook = AsgiHook(options, self.guard)
        for module, name in APPLICATIONS.items():
            self.on_import(module, partial(self._hook_application, name, hook))
        self.on_import("starlette.routing", partial(routes.wrap_starlette, self))
        self.on_import("fastapi.routing", partial(routes.wrap_fastapi, self))
        self.on_import("uvicorn.config", lambda found: self.wrap(found.Config, "load", hook.around_load))

    def _hook_application(self, name: str, hook: AsgiHook, module: Any) -> None:
        self.wrap(getattr(module, name), "__call__", hook.around)


class AsgiHook:
    """What is wrapped around an ASGI application."""

    def __init__(self, options: Options, guard: Guard) -> None:
        self.settings, self.flush, self.guard = options.settings, options.flush, guard
        self.durations = server_durations(options.histogram)

    def around(self, app: App) -> App:
        """Return the `__call__` of a class of applications with the hook around it."""

        @wraps(app)  # a plain coroutine function: uvicorn takes anything else for an ASGI 2 application
        async def call(self_: Any, scope: Scope, receive: Any, send: Send) -> None:
            current = token = None
            if not self.guard.is_off and routes.CALL not in scope:
                try:
                    current = self.begin(scope)
                    token = current and attach(current.context)
                except Exception as error:
                    self.guard.failed(error)
                    current = None
            if current is None:
                await app(self_, scope, receive, self._flushing(scope, send))
                return
            try:
                await app(self_, scope, receive, self._observed(current, send))
            except BaseException as error:
                leave(self.guard, token, current.failed, error)
                raise
            leave(self.guard, token, current.returned, None)

        return call

    def begin(self, scope: Scope) -> AsgiCall | ExcludedCall | None:
        """Return what to do about one ASGI scope; None when it is no request."""
        kind = scope["type"]
        if kind not in ("http", "websocket"):
            return None
        scope[FASTAPI_TELEMETRY] = None
        if self.settings.excluded_paths.search(scope["path"]):
            call: AsgiCall | ExcludedCall = ExcludedCall()
        else:
            call = (AsgiCall if kind == "http" else WebSocketCall)(self.settings, self.durations, scope)
        scope[routes.CALL] = call
        return call

    def _observed(self, call: AsgiCall | ExcludedCall, send: Send) -> Send:
        def observed(message: Message) -> Awaitable[None]:
            try:
                call.sends(message)
            except Exception as error:
                self.guard.failed(error)
            return send(message)

        return observed

    def _flushing(self, scope: Scope, send: Send) -> Send:
        """Return `send` with a flush before the message that ends an application's lifespan.

        It is the last moment at which the event loop still runs and every request is answered.
        """
        if scope["type"] != "lifespan" or routes.CALL in scope:
            return send
        scope[routes.CALL] = None

        async def send_after_flush(message: Message) -> None:
            if message["type"] in LIFESPAN_ENDS:
                await asyncio.to_thread(self.guard.run, self.flush)
            await send(message)

        return send_after_flush

    def around_load(self, load: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return uvicorn's `Config.load`, which then also hooks an application of another framework."""

        @wraps(load)
        def loaded(config: Any) -> None:
            load(config)
            self.guard.run(self._hook_loaded, config)

        return loaded

    def _hook_loaded(self, config: Any) -> None:
        # Inside uvicorn's own middleware, which sets the caller's address from X-Forwarded-For.
        if type(config.loaded_app).__name__ == "ProxyHeadersMiddleware":
            config.loaded_app.app = self._around_any(config.loaded_app.app)
        else:
            config.loaded_app = self._around_any(config.loaded_app)

    def _around_any(self, app: Any) -> App:
        """Return an application with the hook around it; those whose class is hooked as they are."""
        if any(APPLICATIONS.get(base.__module__) == base.__name__ for base in type(app).__mro__):
            return app  # type: ignore[no-any-return]
        call = self.around(lambda _, scope, receive, send: app(scope, receive, send))

        async def application(scope: Scope, receive: Any, send: Send) -> None:
            await call(None, scope, receive, send)

        return application
