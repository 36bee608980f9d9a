"""Forged trace context at the edge: it neither switches off recording nor joins traces, and is not propagated."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from support.polling import poll_until
from support.raw_http import Request, exchange, status

from spanloom.testing import assert_shape
from spanloom_local.journey import LIST, Response, trace_of

if TYPE_CHECKING:
    from support.processes.stack import Stack

    from spanloom.traces.model import Trace

TRACE, SPAN, CANARY = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "forged"
SAMPLED = ("traceparent", f"00-{TRACE}-{SPAN}-01")
FORGED: dict[str, list[tuple[str, str]]] = {
    "chosen trace": [SAMPLED],
    "hidden request": [("traceparent", f"00-{TRACE}-{SPAN}-00")],
    "two parents": [SAMPLED, ("traceparent", f"00-{TRACE}-{SPAN}-00")],
    "future version": [("traceparent", f"cc-{TRACE}-{SPAN}-01-what-else")],
    "upper case": [("Traceparent", f"00-{TRACE.upper()}-{SPAN.upper()}-01")],
    "no ids": [("traceparent", f"00-{'0' * 32}-{'0' * 16}-01")],
    "malformed traceparent": [("traceparent", "x" * 9_999)],
    "tracestate": [SAMPLED, ("tracestate", f"{CANARY}={CANARY}")],
    "oversized tracestate": [SAMPLED, ("tracestate", ",".join(f"k{n}={CANARY}" for n in range(3_000)))],
    "baggage": [("baggage", f"user={CANARY}")],
    "oversized baggage": [("baggage", f"user={CANARY * 5_000}")],
    "countless baggage": [("baggage", ",".join(f"k{n}={CANARY}" for n in range(3_000)))],
    "baggage in many headers": [("baggage", f"k{n}={CANARY}") for n in range(1_000)],
    "other propagators": [("b3", f"{TRACE}-{SPAN}-1"), ("uber-trace-id", f"{TRACE}:{SPAN}:0:1")],
}
BY_NAME = pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED)


def list_users(url: str, headers: list[tuple[str, str]]) -> Response:
    """List users with these headers, as `journey.send` does."""
    mark = f"forger/{uuid4()}"
    response = exchange(url, [Request("GET", "/users?limit=1", (*headers, ("User-Agent", mark))).written()])
    return Response(status(response), None, mark)


def complete_trace(stack: Stack, response: Response, spans: int) -> Trace:
    def complete() -> Trace | None:
        trace = trace_of(response, stack.traces())
        return trace if trace and len(trace.spans) >= spans else None

    return poll_until(complete, "the request's trace is complete")


@BY_NAME
def test_the_edge_ignores_untrusted_context(stack: Stack, headers: list[tuple[str, str]]) -> None:
    """The request has a complete trace of its own; nothing forged reaches users-db-service."""
    stack.proxy.passed.clear()
    response = list_users(stack.url, headers)
    assert 200 == response.status
    trace = complete_trace(stack, response, 6)
    assert_shape(trace, LIST.tree)
    assert TRACE != trace.trace_id
    assert f"traceparent: 00-{trace.trace_id}".encode() in stack.proxy.passed
    passed = bytes(stack.proxy.passed).lower()
    assert [] == [word for word in (TRACE, SPAN, CANARY, "baggage", "tracestate", "b3:") if word.encode() in passed]


@BY_NAME
def test_malformed_context_does_no_harm(stack: Stack, headers: list[tuple[str, str]]) -> None:
    """Behind the edge, where context is trusted, malformed and oversized headers do no harm: the status is 200."""
    assert 200 == list_users(stack.internal_url, headers).status
