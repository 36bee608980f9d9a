"""OTLP receivers that can be made to fail and repaired."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from support.servers.asgi import serve

from spanloom.testing import from_otlp
from spanloom_local.receiver import Receiver, application
from spanloom_local.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

KEPT = 10_000  # traces: all of one test


class Breakable(NamedTuple):
    """A receiver: its URL, its store, functions to fail and repair it, and the ids of the spans that it refused."""

    url: str
    store: Store
    fail: Callable[[], None]
    repair: Callable[[], None]
    refused: set[str]

    def spans(self, *names: str) -> int:
        """Return how many spans of these names have arrived."""
        return sum(span.name in names for trace in self.store.traces().values() for span in trace.spans)

    def lost(self) -> int:
        """Return how many spans were refused and have not arrived."""
        return len(self.refused - {span.span_id for trace in self.store.traces().values() for span in trace.spans})


@contextmanager
def stopping() -> Iterator[Breakable]:
    """Run a receiver that refuses connections while it fails."""
    with Receiver(store=Store(KEPT)) as receiver:
        yield Breakable(receiver.url, receiver.store, receiver.stop, receiver.start, set())


@dataclass
class Failing:
    """An OTLP application that, while `broken`, waits `pause` seconds and then responds with `status`, if given."""

    app: ASGIApp
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    pause: float = 0
    broken: bool = False
    refused: set[str] = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self.broken:
            return await self.app(scope, receive, send)
        await asyncio.sleep(self.pause)
        if self.status is None:
            return await self.app(scope, receive, send)
        body = await Request(scope, receive).body()
        if scope["path"] == "/v1/traces":
            self.refused |= {span.span_id for span in from_otlp(body)}
        return await Response(status_code=self.status, headers=self.headers)(scope, receive, send)


@contextmanager
def failing(
    status: int | None = None, headers: Mapping[str, str] | None = None, pause: float = 0
) -> Iterator[Breakable]:
    """Run a receiver that responds late or with an error while it fails."""
    store = Store(KEPT)
    app = Failing(application(store), status, headers or {}, pause)
    with serve(app) as url:
        yield Breakable(
            url, store, lambda: setattr(app, "broken", True), lambda: setattr(app, "broken", False), app.refused
        )
