"""Calls of ASGI applications: HTTP requests and WebSocket connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanloom.core.context import get_current, suppressed
from spanloom.core.propagation.headers import extract_asgi
from spanloom.instrumentation.server_call import ServerCall, parent_context

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from spanloom.core.context import Context
    from spanloom.core.metrics.instruments import Recorder
    from spanloom.settings import Settings

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]

SWITCHING_PROTOCOLS, FORBIDDEN = 101, 403
NORMAL_CLOSE = frozenset({1000, 1001, 1005})  # RFC 6455, section 7.4.1: done, going away, no code


class AsgiCall(ServerCall):
    """One HTTP request."""

    def __init__(self, settings: Settings, durations: Recorder, scope: Scope) -> None:
        self.headers = dict(scope["headers"])
        client = scope.get("client")
        self.client = client[0] if client else None
        parent = parent_context(settings, self.client, extract_asgi, scope["headers"])
        super().__init__(settings, durations, scope, scope.get("method", "GET"), parent)

    def on_message(self, message: Message) -> None:
        """Handle a message of the response."""
        kind = message["type"]
        if kind == "http.response.start":
            self.status = message["status"]
        elif kind == "http.response.body" and not message.get("more_body"):
            self.on_response_end()  # before it is sent: the caller may receive it before the next call

    def scheme(self) -> str | None:
        """Return the URL scheme."""
        scheme: str | None = self.request.get("scheme")
        return scheme

    def request_details(self) -> tuple[Any, ...]:
        """Return path, HTTP version, host, user agent, server and client."""
        scope, headers = self.request, self.headers
        server = scope.get("server")
        return (
            scope["path"], scope.get("http_version"),
            headers.get(b"host", b""), headers.get(b"user-agent", b""),
            tuple(server) if server else None, self.client,
        )  # fmt: skip


class WebSocketCall(AsgiCall):
    """One WebSocket connection, from handshake to close; excluded from the duration histogram."""

    is_measured = False

    def on_message(self, message: Message) -> None:
        """Handle a message of the handshake."""
        kind = message["type"]
        if kind == "websocket.accept":
            self.status = SWITCHING_PROTOCOLS
        elif kind == "websocket.http.response.start":
            self.status = message["status"]
        elif kind == "websocket.close" and self.status is None:
            self.status = FORBIDDEN  # the status code that the server sends (ASGI specification)

    def on_error(self, error: BaseException) -> None:
        """Finish the connection; a normal close by the peer is not an error."""
        if type(error).__name__ == "WebSocketDisconnect" and getattr(error, "code", None) in NORMAL_CLOSE:
            self.on_return(None)
        else:
            super().on_error(error)


class ExcludedCall:
    """A request without telemetry; instrumentation is suppressed below it."""

    route: str | None = None
    mount_path = ""

    def __init__(self) -> None:
        self.context: Context = suppressed(get_current())

    def on_message(self, message: Message) -> None:
        """Ignore a message."""

    def on_return(self, _: object) -> None:
        """Ignore the result."""

    on_error = on_return
