"""The required spans, and the detection of missing ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bench.content import NAMES, RequiredSpan, examine, faults, plausible

from spanloom.traces.model import Span

CHAIN = NAMES["stable"]


def request(trace: int, chain: tuple[RequiredSpan, ...] = CHAIN) -> list[Span]:
    """Return the complete spans of a request, each below the one before."""
    return [_span(trace, depth, required_span) for depth, required_span in enumerate(chain)]


def _span(trace: int, depth: int, required_span: RequiredSpan) -> Span:
    return Span(
        trace_id=f"{trace:032x}",
        span_id=f"{depth + 1:016x}",
        parent_id=f"{depth:016x}" if depth else None,
        name="",
        kind=required_span.kind,
        service=required_span.service,
        start_ns=depth,
        end_ns=depth + 1,
        attributes=dict.fromkeys(required_span.required, 1) | {required_span.attribute: required_span.contains},
    )


def _without(span: Span, name: str) -> Span:
    return replace(span, attributes={key: value for key, value in span.attributes.items() if key != name})


@pytest.mark.parametrize("names", sorted(NAMES))
def test_complete_requests_have_no_fault(names: str) -> None:
    """An arm that delivers every required span with every attribute has no fault, by all three sets of names."""
    spans = request(1, NAMES[names]) + request(2, NAMES[names])
    found = examine(spans, NAMES[names], served=2, share=1)
    assert faults(found, 2, 1) == []
    assert (found.requests, found.spans) == (2, 2 * len(NAMES[names]))


@pytest.mark.parametrize("depth", range(len(CHAIN)))
def test_a_dropped_span_is_lost_and_leaves_an_orphan(depth: int) -> None:
    """Each missing span is counted, and so is its child, whose parent is missing."""
    spans = request(1)
    del spans[depth]
    found = examine(spans, CHAIN, served=1, share=1)
    assert found.lost == 1
    assert found.orphans == (depth < len(CHAIN) - 1)


def test_an_untraced_request_loses_every_span() -> None:
    """A served request without a trace counts with all of its required spans."""
    found = examine(request(1), CHAIN, served=3, share=1)
    assert found.lost == 2 * len(CHAIN)
    assert "1 traces of 3 requests, expected 100%" in faults(found, 3, 1)


@pytest.mark.parametrize("required_span", CHAIN, ids=lambda required_span: required_span.label)
def test_a_missing_attribute_is_named(required_span: RequiredSpan) -> None:
    """A missing attribute is named with its span."""
    name = next(name for name in required_span.required if name != required_span.attribute)
    spans = [_without(span, name) if required_span.matches(span) else span for span in request(1)]
    assert faults(examine(spans, CHAIN, served=1, share=1), 1, 1) == [
        f"attribute missing 1 times: {required_span.label} {name}"
    ]


def test_a_misplaced_span_is_counted() -> None:
    """A span of the right trace with the wrong parent is misplaced."""
    *above, last = request(1)
    spans = [*above, replace(last, parent_id=above[0].span_id)]
    assert examine(spans, CHAIN, served=1, share=1).misplaced == 1


def test_a_duplicate_span_is_counted() -> None:
    """Two instrumentations of one library are a fault."""
    spans = request(1)
    doubled = replace(spans[-1], span_id="f" * 16)
    assert examine([*spans, doubled], CHAIN, served=1, share=1).misplaced == 1


def test_other_traces_are_counted_separately() -> None:
    """Spans of traces without a required span are counted separately."""
    probe = replace(request(2)[0], attributes={"http.route": "/readyz"})
    found = examine([*request(1), probe], CHAIN, served=1, share=1)
    assert (found.requests, found.others) == (1, 1)


@pytest.mark.parametrize(
    ("traces", "served", "share", "expected"),
    [(0, 1000, 0, True), (1, 1000, 0, False), (1000, 1000, 1, True), (999, 1000, 1, False), (1001, 1000, 1, False),
     (10, 1000, 0.01, True), (25, 1000, 0.01, True), (26, 1000, 0.01, False), (100, 1000, 0.01, False)],
)  # fmt: skip
def test_a_ratio_allows_for_chance(traces: int, served: int, share: float, expected: bool) -> None:
    """100 % means all, 0 % none, and 1 % means 1 % within five standard deviations."""
    assert plausible(traces, served, share) == expected
