"""One signal on its way to its receiver: the request that is being sent, its retries, and what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from spanloom.core.reports import report, report_dropped
from spanloom.core.spans.ids import uniform

if TYPE_CHECKING:
    from spanloom.core.export.sender import Response, Sender

MAX_ATTEMPT_SECONDS = 10.0
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 1.0, 5.0


class Request(NamedTuple):
    """The body of one export, and what is in it, in words: `512 spans`."""

    body: bytes
    content: str


class Source(Protocol):
    """What requests are made of. Times are those of `time.monotonic`."""

    def due(self, now: float) -> float:
        """Return when the next request should leave."""

    def take(self, now: float) -> Request | None:
        """Return the next request; None when there is nothing to send."""

    def is_empty(self) -> bool:
        """Return whether nothing waits."""

    def clear(self) -> None:
        """Forget everything."""


class Outbox:
    """Sends the requests of one source, one after the other, each until it is accepted or its time is over."""

    def __init__(self, source: Source, sender: Sender, endpoint: str, timeout: float) -> None:
        self.source, self.sender, self.endpoint, self.timeout = source, sender, endpoint, timeout
        self.is_flushing = False
        self._is_failing = False
        self._drop()

    def is_empty(self) -> bool:
        """Return whether nothing waits to be sent."""
        return self._request is None and self.source.is_empty()

    def clear(self) -> None:
        """Forget everything: after a fork it belongs to the parent process."""
        self.source.clear()
        self.sender.forget()
        self.is_flushing = False
        self._drop()

    def _drop(self) -> None:
        self._request: Request | None = None
        self._attempts, self._ends_at, self._next_at = 0, 0.0, 0.0

    def step(self, now: float) -> float:
        """Do what is due; return when the next step is."""
        if self._request is None and (self.is_flushing or now >= self.source.due(now)):
            self._begin(now)
        if self._request is None:
            self.is_flushing = False
            return self.source.due(now)
        if now >= self._next_at:
            self._attempt(self._request, now)
        return self._next_at

    def _begin(self, now: float) -> None:
        try:
            self._request = self.source.take(now)
        except Exception as error:
            report_dropped("a batch", error)
        self._attempts, self._ends_at, self._next_at = 0, now + self.timeout, now

    def _attempt(self, request: Request, now: float) -> None:
        response = self.sender.send(request.body, max(0.001, min(MAX_ATTEMPT_SECONDS, self._ends_at - now)))
        if not response.problem:
            self._is_failing = False
            self._drop()
            return
        self._attempts += 1
        self._next_at = now + self._pause(response)
        if not response.is_retryable or self._next_at >= self._ends_at:
            self._give_up(request, response.problem)

    def _pause(self, response: Response) -> float:
        """Return the seconds before the next attempt: as the receiver asks, or growing, and never quite the same."""
        if response.retry_after is not None:
            return response.retry_after
        pause: float = FIRST_PAUSE_SECONDS * 2 ** min(self._attempts - 1, 10)
        return min(MAX_PAUSE_SECONDS, pause) * uniform(0.8, 1.2)

    def _give_up(self, request: Request, problem: str) -> None:
        if not self._is_failing:
            report(f"OTLP endpoint {self.endpoint}: {problem}; {request.content} dropped")
        self._is_failing = True
        self._drop()
