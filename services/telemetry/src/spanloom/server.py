"""One SERVER span and one measurement for every HTTP request of a FastAPI or Starlette application.

The hook lies outside every middleware, so it sees all of them, decides about the caller's context before anyone
reads it, and keeps FastAPI's own telemetry switched off for the request. Attributes and metric: OpenTelemetry
semantic conventions, "HTTP server" spans and `http.server.request.duration`.
"""

from __future__ import annotations

import logging
import sys
from functools import lru_cache, partial, wraps
from time import perf_counter, time_ns
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import SpanKind, Status, StatusCode
from wrapt import when_imported

from spanloom.current import attach, detach, with_span
from spanloom.duration import Durations
from spanloom.flush import flushing
from spanloom.hooks import Hook
from spanloom.http import known_method, method_attributes, span_name
from spanloom.instrument import fail
from spanloom.known import Known, describe_later
from spanloom.privacy import safe_path
from spanloom.propagation import extract

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from spanloom.settings import Settings

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[..., Awaitable[None]]

HOOKED = {"fastapi.applications": "FastAPI", "starlette.applications": "Starlette"}
SEEN = "spanloom"  # in the scope: this request has its span already
FASTAPI_OWN = "fastapi.telemetry"  # in the scope: FastAPI's own telemetry leaves the request alone
LONGEST = 256  # bytes of what a caller may choose: the host's name and the agent's
# Seconds, from the conventions' advice for http.server.request.duration.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
DIMENSIONS = ("http.request.method", "url.scheme", "http.route", "http.response.status_code", "error.type")

_tracer = trace.get_tracer("spanloom.server")
_durations = Durations(
    metrics.get_meter("spanloom.server"),
    "http.server.request.duration",
    "Duration of HTTP server requests.",
    BUCKETS,
    DIMENSIONS,
)
_access = logging.getLogger("spanloom.access")


class ServerInstrumentor(Hook):
    """Hooks FastAPI and Starlette once they are imported."""

    def _instrument(self, *, settings: Settings, **_: Any) -> None:
        for module, name in HOOKED.items():
            when_imported(module)(partial(_hook, name, settings))

    def _uninstrument(self, **_: Any) -> None:
        for module, name in HOOKED.items():
            application: Any = getattr(sys.modules.get(module), name, None)
            if application is not None and hasattr(application.__call__, "__wrapped__"):
                application.__call__ = application.__call__.__wrapped__


def _hook(name: str, settings: Settings, module: Any) -> None:
    application = getattr(module, name)
    inner = application.__call__

    @wraps(inner)  # a plain coroutine function: uvicorn takes anything else for an ASGI 2 application
    async def call(self: object, scope: Scope, receive: Any, send: Send) -> None:
        if SEEN in scope:  # by the hook of a subclass, or of the application around this one
            await inner(self, scope, receive, send)
        else:
            await serve(settings, partial(inner, self), scope, receive, send)

    application.__call__ = call


def serve(settings: Settings, app: App, scope: Scope, receive: Any, send: Send) -> Awaitable[None]:
    """Return what runs one ASGI scope of `app` with the telemetry it deserves; no coroutine lies between them."""
    if scope["type"] == "websocket":
        return app(scope, receive, send)
    scope[SEEN] = None
    if scope["type"] == "lifespan":
        return app(scope, receive, flushing(send, settings.flush_timeout))
    scope[FASTAPI_OWN] = None
    if settings.quiet_paths.search(scope["path"]):
        return _quietly(app, scope, receive, send)
    return _Request(settings, scope, send).run(app, receive)


async def _quietly(app: App, scope: Scope, receive: Any, send: Send) -> None:
    with suppress_instrumentation():
        await app(scope, receive, send)


class _Request:
    """One request from its first byte to the last of its answer."""

    def __init__(self, settings: Settings, scope: Scope, send: Send) -> None:
        self.scope, self.forward = scope, send
        self.status: int | None = None
        self.error: BaseException | None = None
        self.answered_ns: int | None = None
        self.started = perf_counter()
        self.headers = dict(scope["headers"])
        parent = parent_context(settings, scope, self.headers)
        self.span = _tracer.start_span(span_name(scope["method"]), parent, SpanKind.SERVER)
        self.context = with_span(self.span, parent)

    async def run(self, app: App, receive: Any) -> None:
        token = attach(self.context)
        try:
            await app(self.scope, receive, self.send)
        except BaseException as error:
            self.error = error
            raise
        finally:
            try:
                self.finish()
            finally:
                self.span.end(self.answered_ns)
                detach(token)

    def send(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "http.response.body" and not message.get("more_body"):
            self.answered_ns = time_ns()  # before it leaves: the caller may have it before we are told
        return self.forward(message)

    def finish(self) -> None:
        """Tell span, histogram and access log; background tasks have run, but the span ends with the answer."""
        route = route_of(self.scope)
        seconds = perf_counter() - self.started
        error_type = self._error_type()
        if self.span.is_recording():
            self.span.update_name(span_name(self.scope["method"], route))
            self._describe(route, error_type)
        values = (known_method(self.scope["method"]), self.scope.get("scheme"), route, self.status, error_type)
        _durations.record(seconds, values, self.context)
        if _access.isEnabledFor(logging.INFO):
            self._log(route, seconds)

    def _describe(self, route: str | None, error_type: str | None) -> None:
        scope, headers = self.scope, self.headers
        client, server = scope.get("client"), scope.get("server")
        describe_later(
            self.span, request_attributes,
            scope["method"], scope.get("scheme"), scope["path"], route, self.status, scope.get("http_version"),
            headers.get(b"host", b"")[:LONGEST], headers.get(b"user-agent", b"")[:LONGEST],
            tuple(server) if server else None, client[0] if client else None,
        )  # fmt: skip
        if self.error is not None:
            fail(self.span, self.error)
        elif error_type:
            self.span.set_attribute("error.type", error_type)
            self.span.set_status(Status(StatusCode.ERROR))

    def _log(self, route: str | None, seconds: float) -> None:
        extra = {"status": self.status, "duration_ms": round(seconds * 1000, 3)}
        _access.info("%s %s", known_method(self.scope["method"]), route or "(no route)", extra=extra)

    def _error_type(self) -> str | None:
        if self.error is not None:
            return type(self.error).__qualname__
        return str(self.status) if self.status is None or self.status >= 500 else None


def route_of(scope: Scope) -> str | None:
    """Return the template of the matched route with the mounts above it, None when nothing matched."""
    path = getattr(scope.get("route"), "path", None)
    if path is None or "app_root_path" not in scope:
        return path
    return scope["root_path"].removeprefix(scope["app_root_path"]) + path  # type: ignore[no-any-return]


def parent_context(settings: Settings, scope: Scope, headers: dict[bytes, bytes]) -> Context:
    """Return the caller's context if the caller is trusted, otherwise an empty one: a new trace begins."""
    client = scope.get("client")
    if not settings.boundary.trusts(client[0] if client else None):
        return Context()
    return extract(scope["headers"], headers)


def request_attributes(
    method: str, scheme: str | None, path: str, route: str | None, status: int | None, version: str | None,
    host: bytes, agent: bytes, server: tuple[str, int | None] | None, client: str | None,
) -> tuple[Known, dict[str, str | int]]:  # fmt: skip
    """Return what the conventions ask of a server span; neither query nor headers but host and the agent's name."""
    address, port = _authority(host.decode("latin-1")) or server or (None, None)
    found: dict[str, str | int | None] = {
        **method_attributes(method),
        "url.path": safe_path(path, route),
        "server.address": address,
        "server.port": port,
        "client.address": client,
        "user_agent.original": agent.decode("latin-1"),
    }
    return _known(scheme, route, status, version), {key: value for key, value in found.items() if value}


@lru_cache(maxsize=1024)
def _known(scheme: str | None, route: str | None, status: int | None, version: str | None) -> Known:
    """Return what is not the caller's to choose; the rest would fill any memory that is given to it."""
    found = {
        "url.scheme": scheme,
        "http.route": route,
        "http.response.status_code": status,
        "network.protocol.version": version,
    }
    return Known({key: value for key, value in found.items() if value})


def _authority(host: str) -> tuple[str, int | None] | None:
    name, colon, port = host.rpartition(":")
    if not colon:
        return (host, None) if host else None
    return (name, int(port)) if port.isdecimal() and int(port) < 1 << 16 else None
