"""One ASGI request or WebSocket connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanloom.instrumentation.server_call import ServerCall, parent_context
from spanloom.tracing.context import get_current, suppressed
from spanloom.tracing.propagation import extract

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from opentelemetry.context import Context

    from spanloom.settings import Settings
    from spanloom.tracing.duration_histogram import DurationHistogram

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]

SWITCHING_PROTOCOLS, FORBIDDEN = 101, 403
NORMAL_CLOSE = frozenset({1000, 1001, 1005})  # RFC 6455, section 7.4.1: done, going away, no code


class AsgiCall(ServerCall):
    """An HTTP request."""

    def __init__(self, settings: Settings, durations: DurationHistogram, scope: Scope) -> None:
        self.headers = dict(scope["headers"])
        client = scope.get("client")
        self.client = client[0] if client else None
        parent = parent_context(settings, self.client, extract, scope["headers"], self.headers)
        super().__init__(settings, durations, scope, scope.get("method", "GET"), parent)

    def sends(self, message: Message) -> None:
        """Take note of a message to the caller."""
        kind = message["type"]
        if kind == "http.response.start":
            self.status = message["status"]
        elif kind == "http.response.body" and not message.get("more_body"):
            self.responded()  # before it is sent: the caller may have it before we are called again

    def scheme(self) -> str | None:
        """Return the scheme of the URL."""
        scheme: str | None = self.request.get("scheme")
        return scheme

    def described(self) -> tuple[Any, ...]:
        """Return path, HTTP version, host, agent, server and client."""
        scope, headers = self.request, self.headers
        server = scope.get("server")
        return (
            scope["path"], scope.get("http_version"),
            headers.get(b"host", b""), headers.get(b"user-agent", b""),
            tuple(server) if server else None, self.client,
        )  # fmt: skip


class WebSocketCall(AsgiCall):
    """A WebSocket connection, from its handshake to its end; a session's length is no request's duration."""

    is_measured = False

    def sends(self, message: Message) -> None:
        """Take note of how the handshake was answered."""
        kind = message["type"]
        if kind == "websocket.accept":
            self.status = SWITCHING_PROTOCOLS
        elif kind == "websocket.http.response.start":
            self.status = message["status"]
        elif kind == "websocket.close" and self.status is None:
            self.status = FORBIDDEN  # what the server answers then (ASGI specification)

    def failed(self, error: BaseException) -> None:
        """Finish a connection; a peer that closes it has not made it fail."""
        if type(error).__name__ == "WebSocketDisconnect" and getattr(error, "code", None) in NORMAL_CLOSE:
            self.returned(None)
        else:
            super().failed(error)


class ExcludedCall:
    """A request that makes no telemetry, nor does anything it causes."""

    route: str | None = None
    mounted = ""

    def __init__(self) -> None:
        self.context: Context = suppressed(get_current())

    def sends(self, message: Message) -> None:
        """Ignore a message."""

    def returned(self, _: object) -> None:
        """Ignore the end."""

    failed = returned
