"""uvicorn's HTTP protocol with limits for request heads: `UVICORN_HTTP=spanloom.bounded:BoundedHttp`.

The httptools protocol accepts heads of any size and duration, and copies each part of an unfinished header again, so a
hundred megabytes block the event loop for seconds. (uvicorn's h11 protocol limits the size, not the duration.) Bodies
are limited by `spanloom.problems`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

MAX_HEAD_BYTES = 64 * 1024  # as h11; also the maximum URL length of httptools
MAX_HEAD_SECONDS = 10.0
LINGER_SECONDS = 1.0  # for the client to read the response: closing with unread data may discard it (RFC 9112, 9.6)


class LimitedHttpProtocol(HttpToolsProtocol):
    """Respond 400 to a head over MAX_HEAD_BYTES; close the connection after MAX_HEAD_SECONDS without a complete head.

    The connection is also closed if a body is still being received LINGER_SECONDS after the response.
    """

    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0  # bytes of an unfinished head; the last chunk counts fully, as its end is not yet parsed
    _is_reading_head = True
    _is_reading_body = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Start the head timer."""
        super().connection_made(transport)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the head timer."""
        self._cancel_head_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse the data; respond 400 if the head is too large."""
        self._head_bytes += len(data) if self._is_reading_head else 0
        super().data_received(data)
        if not self._is_reading_head or self.transport.is_closing():
            return
        if self._head_bytes > MAX_HEAD_BYTES:
            self.send_400_response("The head of the request is too large.")
        elif self._head_timer is None:
            self._start_head_timer()

    def on_message_begin(self) -> None:
        """Start counting head bytes."""
        super().on_message_begin()
        self._is_reading_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store a header; trailers after a chunked body are dropped, as nothing reads them."""
        if self._is_reading_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Cancel the head timer; bodies have their own limit."""
        self._is_reading_head, self._is_reading_body, self._head_bytes = False, True, 0
        self._cancel_head_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Mark the request as complete."""
        self._is_reading_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Close the connection if the client keeps sending a body after the response."""
        super().on_response_complete()
        if self._is_reading_body:
            self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(MAX_HEAD_SECONDS, self._on_head_timeout)

    def _cancel_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _on_head_timeout(self) -> None:
        self._head_timer = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
        else:  # a response is in progress on this connection
            self._start_head_timer()
