"""Forged trace context at the edge: it neither hides a request nor joins it to another, and goes no further."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from support.polling import poll_until
from support.raw_http import Request, exchange, status

from spanloom.testing import assert_shape
from spanloom_local.journey import LIST, Answer, made_by

if TYPE_CHECKING:
    from support.processes.stack import Stack

    from spanloom.traces.model import Trace

TRACE, SPAN, CANARY = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "forged"
SAMPLED = ("traceparent", f"00-{TRACE}-{SPAN}-01")
FORGED: dict[str, list[tuple[str, str]]] = {
    "chosen trace": [SAMPLED],
    "hidden request": [("traceparent", f"00-{TRACE}-{SPAN}-00")],
    "two parents": [SAMPLED, ("traceparent", f"00-{TRACE}-{SPAN}-00")],
    "version of the future": [("traceparent", f"cc-{TRACE}-{SPAN}-01-what-else")],
    "upper case": [("Traceparent", f"00-{TRACE.upper()}-{SPAN.upper()}-01")],
    "no ids": [("traceparent", f"00-{'0' * 32}-{'0' * 16}-01")],
    "no traceparent at all": [("traceparent", "x" * 9_999)],
    "tracestate": [SAMPLED, ("tracestate", f"{CANARY}={CANARY}")],
    "oversized tracestate": [SAMPLED, ("tracestate", ",".join(f"k{n}={CANARY}" for n in range(3_000)))],
    "baggage": [("baggage", f"user={CANARY}")],
    "oversized baggage": [("baggage", f"user={CANARY * 5_000}")],
    "countless baggage": [("baggage", ",".join(f"k{n}={CANARY}" for n in range(3_000)))],
    "baggage in many headers": [("baggage", f"k{n}={CANARY}") for n in range(1_000)],
    "other propagators": [("b3", f"{TRACE}-{SPAN}-1"), ("uber-trace-id", f"{TRACE}:{SPAN}:0:1")],
}
BY_NAME = pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED)


def ask(url: str, headers: list[tuple[str, str]]) -> Answer:
    """List users with these headers, as `journey.send` would."""
    mark = f"forger/{uuid4()}"
    answer = exchange(url, [Request("GET", "/users?limit=1", (*headers, ("User-Agent", mark))).written()])
    return Answer(status(answer), None, mark)


def trace_of(stack: Stack, answer: Answer, spans: int) -> Trace:
    def whole() -> Trace | None:
        trace = made_by(answer, stack.traces())
        return trace if trace and len(trace.spans) >= spans else None

    return poll_until(whole, "the request's trace is whole")


@BY_NAME
def test_the_edge_obeys_no_stranger(stack: Stack, headers: list[tuple[str, str]]) -> None:
    """The request is answered and has a whole trace of its own; nothing forged reaches users-db-service."""
    stack.proxy.passed.clear()
    answer = ask(stack.url, headers)
    assert 200 == answer.status
    trace = trace_of(stack, answer, 6)
    assert_shape(trace, LIST.tree)
    assert TRACE != trace.trace_id
    assert f"traceparent: 00-{trace.trace_id}".encode() in stack.proxy.passed
    passed = bytes(stack.proxy.passed).lower()
    assert [] == [word for word in (TRACE, SPAN, CANARY, "baggage", "tracestate", "b3:") if word.encode() in passed]


@BY_NAME
def test_a_service_that_trusts_is_not_broken(stack: Stack, headers: list[tuple[str, str]]) -> None:
    """Behind the edge, where context is obeyed, malformed and oversized headers do no harm: the answer is 200."""
    assert 200 == ask(stack.internal_url, headers).status
