"""HTTP requests and WebSocket connections of ASGI applications: FastAPI, Starlette, and others under uvicorn.

The hook is outside of all middleware: it covers them all, applies the trust policy before any code reads the caller's
context, and disables FastAPI's own telemetry for the request.
"""

from __future__ import annotations

from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from spanloom.core.context import attach
from spanloom.core.guard import finish_call
from spanloom.instrumentation import routes
from spanloom.instrumentation.asgi_call import AsgiCall, ExcludedCall, WebSocketCall
from spanloom.instrumentation.event_loops import watch
from spanloom.instrumentation.hooks import Hooks
from spanloom.instrumentation.server_call import server_durations

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from spanloom.core.guard import Guard
    from spanloom.instrumentation.asgi_call import Message, Scope
    from spanloom.instrumentation.hooks import Options

    Send = Callable[[Message], Awaitable[None]]
    App = Callable[..., Awaitable[None]]

APPLICATIONS = {"fastapi.applications": "FastAPI", "starlette.applications": "Starlette"}
FASTAPI_TELEMETRY = "fastapi.telemetry"  # scope key: FastAPI's own telemetry skips this request
LIFESPAN_ENDS = ("lifespan.shutdown.complete", "lifespan.shutdown.failed")


class AsgiHooks(Hooks):
    """Instruments FastAPI, Starlette and uvicorn when they are imported."""

    name = "asgi"

    def hook(self, options: Options) -> None:
        """Wrap applications and routes, and uvicorn for applications of other frameworks."""
        hook = AsgiHook(options, self.guard)
        for module, name in APPLICATIONS.items():
            self.on_import(module, partial(self._hook_application, name, hook))
        self.on_import("starlette.routing", partial(routes.wrap_starlette, self))
        self.on_import("fastapi.routing", partial(routes.wrap_fastapi, self))
        self.on_import("uvicorn.config", lambda module: self.wrap(module.Config, "load", hook.around_load))

    def _hook_application(self, name: str, hook: AsgiHook, module: Any) -> None:
        self.wrap(getattr(module, name), "__call__", hook.around)


class AsgiHook:
    """The wrapper around an ASGI application."""

    def __init__(self, options: Options, guard: Guard) -> None:
        self.settings, self.flush, self.guard = options.settings, options.flush, guard
        self.durations = server_durations()

    def around(self, app: App) -> App:
        """Return the wrapped `__call__` of an application class."""

        @wraps(app)  # a coroutine function: uvicorn treats other callables as ASGI 2 applications
        async def call(self_: Any, scope: Scope, receive: Any, send: Send) -> None:
            current = token = None
            if not self.guard.is_disabled and routes.CALL not in scope:
                try:
                    current = self.begin(scope)
                    token = current and attach(current.context)
                except Exception as error:
                    self.guard.record_failure(error)
                    current = None
            if current is None:
                await app(self_, scope, receive, self._with_final_flush(scope, send))
                return
            try:
                await app(self_, scope, receive, self._with_response_hook(current, send))
            except BaseException as error:
                finish_call(self.guard, token, current.on_error, error)
                raise
            finish_call(self.guard, token, current.on_return, None)

        return call

    def begin(self, scope: Scope) -> AsgiCall | ExcludedCall | None:
        """Return the call of an ASGI scope; None if it is neither a request nor a WebSocket connection."""
        kind = scope["type"]
        if kind not in ("http", "websocket"):
            return None
        scope[FASTAPI_TELEMETRY] = None
        if self.settings.excluded_paths.search(scope["path"]):
            call: AsgiCall | ExcludedCall = ExcludedCall()
        else:
            watch.on_request()
            call = (AsgiCall if kind == "http" else WebSocketCall)(self.settings, self.durations, scope)
        scope[routes.CALL] = call
        return call

    def _with_response_hook(self, call: AsgiCall | ExcludedCall, send: Send) -> Send:
        def send_with_hook(message: Message) -> Awaitable[None]:
            try:
                call.on_message(message)
            except Exception as error:
                self.guard.record_failure(error)
            return send(message)

        return send_with_hook

    def _with_final_flush(self, scope: Scope, send: Send) -> Send:
        """Return `send` with a flush before the message that ends an application's lifespan.

        At this point the event loop still runs and all requests have been responded to.
        """
        if scope["type"] != "lifespan" or routes.CALL in scope:
            return send
        scope[routes.CALL] = None

        async def send_after_flush(message: Message) -> None:
            if message["type"] in LIFESPAN_ENDS:
                import asyncio  # noqa: PLC0415 an application of another kind may not import it

                await asyncio.to_thread(self.guard.run, self.flush)
            await send(message)

        return send_after_flush

    def around_load(self, load: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return uvicorn's `Config.load`, extended to hook applications of other frameworks."""

        @wraps(load)
        def load_and_hook(config: Any) -> None:
            load(config)
            self.guard.run(self._hook_loaded, config)

        return load_and_hook

    def _hook_loaded(self, config: Any) -> None:
        # Inside uvicorn's middleware, which sets the client address from X-Forwarded-For.
        if type(config.loaded_app).__name__ == "ProxyHeadersMiddleware":
            config.loaded_app.app = self._around_any(config.loaded_app.app)
        else:
            config.loaded_app = self._around_any(config.loaded_app)

    def _around_any(self, app: Any) -> App:
        """Return the wrapped application, or the application itself if its class is already wrapped."""
        if any(APPLICATIONS.get(base.__module__) == base.__name__ for base in type(app).__mro__):
            return app  # type: ignore[no-any-return]
        call = self.around(lambda _, scope, receive, send: app(scope, receive, send))

        async def application(scope: Scope, receive: Any, send: Send) -> None:
            await call(None, scope, receive, send)

        return application
