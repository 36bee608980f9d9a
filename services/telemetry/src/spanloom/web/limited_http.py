"""uvicorn's HTTP, with a bound on a request's head: `UVICORN_HTTP=spanloom.bounded:BoundedHttp`.

The httptools protocol keeps a head of any size and waits for its end without limit, and each piece of an unfinished
header is copied again, so a hundred megabytes take seconds of the event loop. (uvicorn's h11 protocol bounds the
size, not the time.) Bodies are bounded by `spanloom.problems`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

HEAD_BYTES = 64 * 1024  # as h11; also the longest URL that httptools takes
HEAD_SECONDS = 10.0
LINGER_SECONDS = 1.0  # for the answer to be read: closing at once, with data unread, may take it away (RFC 9112, 9.6)


class LimitedHttpProtocol(HttpToolsProtocol):
    """Answers 400 to a head over HEAD_BYTES and hangs up on one that is not whole after HEAD_SECONDS.

    A body that is still coming when its request has been answered is not waited for either.
    """

    _late: asyncio.TimerHandle | None = None
    _head = 0  # bytes of a head that has not ended; of its last piece all, as its end is not known before
    _reading = True
    _body = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """Expect a head."""
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing any more."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass on what is within bounds."""
        self._head += len(data) if self._reading else 0
        super().data_received(data)
        if not self._reading or self.transport.is_closing():
            return
        if self._head > HEAD_BYTES:
            self.send_400_response("The head of the request is too large.")
        elif self._late is None:
            self._expect()

    def on_message_begin(self) -> None:
        """Begin to count."""
        super().on_message_begin()
        self._reading = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; one that comes behind a chunked body (a trailer) is dropped, as nobody reads it."""
        if self._reading:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Let the body take its time."""
        self._reading, self._body, self._head = False, True, 0
        self._stop()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        self._body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Leave a caller who goes on sending what nobody reads."""
        super().on_response_complete()
        if self._body:
            self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _expect(self) -> None:
        self._late = self.loop.call_later(HEAD_SECONDS, self._hang_up)

    def _stop(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _hang_up(self) -> None:
        self._late = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
        else:  # an answer is under way on this connection
            self._expect()
