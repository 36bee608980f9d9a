"""docs/troubleshooting.md: traces that end at the edge, and orphan spans."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING

import pytest
from support.polling import poll_until
from support.processes.traced_app import traced_app

from spanloom_local.receiver import Receiver
from spanloom_local.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spanloom.traces.model import Span, Trace

CALLER = "0af7651916cd43dd8448eb211c80319c"
HEADERS = {"traceparent": f"00-{CALLER}-b7ad6b7169203331-01", "User-Agent": "caller"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(store=Store(100)) as running:
        yield running


def _called(receiver: Receiver, **environ: str) -> Trace:
    """Send a request of a caller that propagates its trace and exports nothing; return the trace of the request."""
    with traced_app(receiver.url, OTEL_BSP_SCHEDULE_DELAY="100", **environ) as app:
        request = urllib.request.Request(f"{app.url}/work/0", headers=HEADERS)
        urllib.request.urlopen(request, timeout=30).read()
        return poll_until(lambda: _trace_of_caller(receiver), "the trace has arrived")


def _trace_of_caller(receiver: Receiver) -> Trace | None:
    traces = receiver.store.traces().values()
    return next((trace for trace in traces if any(map(_is_of_caller, trace.spans))), None)


def _is_of_caller(span: Span) -> bool:
    return span.attributes.get("user_agent.original") == HEADERS["User-Agent"]


def test_a_trace_ends_at_a_service_that_does_not_trust_its_caller(receiver: Receiver) -> None:
    """By default the called service starts a trace of its own, which has no orphan."""
    trace = _called(receiver)
    assert (True, ()) == (trace.trace_id != CALLER, tuple(trace.orphans))


def test_a_trusted_caller_that_does_not_export_leaves_an_orphan(receiver: Receiver) -> None:
    """The remedy continues the trace; where the caller's span never arrives, the called service's is an orphan."""
    trace = _called(receiver, SPANLOOM_TRUST_INCOMING="true")
    assert (CALLER, ["SERVER"]) == (trace.trace_id, [span.kind for span in trace.orphans])
