"""A steady load at the edge, and the spans of it that are in Jaeger."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from support.cluster.jaeger import traces_of
from support.polling import poll_until

from spanloom_local.journey import LIST, Response, send

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cluster.helm_release import Release

    from spanloom.testing import Span

PACE_SECONDS = 0.2
WHOLE = len(LIST.tree.splitlines())  # spans
AGENT, EDGE = "user_agent.original", "users-api SERVER"


@contextmanager
def load(release: Release) -> Iterator[list[Response]]:
    """List users five times a second inside the block; yield the list of responses, which grows."""
    responses, over = list[Response](), threading.Event()

    def ask(edge: str) -> None:
        while not over.wait(PACE_SECONDS):
            responses.append(send(edge, LIST.method, LIST.route))

    with release.reach("users-api", 8000) as edge, ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask, edge)
        try:
            yield responses
        finally:
            over.set()
        asking.result()  # raises if a request got no response


def statuses(responses: list[Response]) -> Counter[int]:
    return Counter(response.status for response in responses)


def spans_of(jaeger: str, responses: list[Response]) -> list[Span]:
    """Return the spans of these requests that are in Jaeger, each once."""
    marks = {response.mark for response in responses}
    traces = traces_of(jaeger, "users-api").values()
    ours = [t for t in traces if any(span.attributes.get(AGENT) in marks for span in t.spans)]
    return list({span.span_id: span for trace in ours for span in trace.spans}.values())


def edges(jaeger: str, responses: list[Response]) -> int:
    """Return how many of these requests have exactly one server span at the edge."""
    agents = Counter(span.attributes.get(AGENT) for span in spans_of(jaeger, responses) if span.label.startswith(EDGE))
    return sum(agents[response.mark] == 1 for response in responses)


def until_stored(release: Release, responses: list[Response], seconds: float = 180) -> int:
    """Wait until every span of these successful requests is in Jaeger, and return how many are."""

    def stored() -> int:
        with release.reach("jaeger", 16686) as jaeger:
            return len(spans_of(jaeger, responses))

    with suppress(TimeoutError):
        poll_until(lambda: stored() == WHOLE * len(responses), "every span is stored", seconds)
    return stored()
