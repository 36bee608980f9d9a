"""Every breakage on a laptop: the traces are those of its page while it lasts, and as usual before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.builders.breakage_paths import PATHS, matches, trees_of
from support.polling import poll_until

from spanloom_local.breakages import BREAKAGES
from spanloom_local.breaking import REPAIR, Breaker
from spanloom_local.journey import trace_of
from spanloom_local.receiver import Receiver
from spanloom_local.stack import Stack, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.builders.breakage_paths import Path

    from spanloom.traces.model import Trace
    from spanloom_local.journey import Response


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Receiver() as receiver, running(receiver) as found:
        yield found


def traces_of(stack: Stack, responses: list[Response]) -> list[Trace]:
    stored = stack.receiver.store.traces().values()
    return [trace for response in responses if (trace := trace_of(response, stored))]


def assert_healthy(stack: Stack, path: Path) -> None:
    """Send the requests of a path; each trace becomes the usual tree, without the evidence of the breakage."""
    responses = path.request(stack.url)

    def is_usual() -> bool:
        traces = traces_of(stack, responses)
        return [path.healthy.tree] * len(responses) == [trace.shape() for trace in traces]

    poll_until(is_usual, "the usual traces arrive", 10)
    assert [] == [trace.tree() for trace in traces_of(stack, responses) if path.is_evident(trace)]


@pytest.mark.parametrize("name", BREAKAGES)
def test_the_traces_are_those_of_the_page(name: str, stack: Stack) -> None:
    """A trace during a breakage is the tree of its page and has its evidence; none before and after repair."""
    path, breaker = PATHS[name], Breaker(stack)
    assert_healthy(stack, path)

    breaker.follow(name)
    responses = path.request(stack.url)

    def evident() -> list[Trace]:
        return [trace for trace in traces_of(stack, responses) if path.is_evident(trace)]

    def stored() -> list[Trace]:
        return list(stack.receiver.store.traces().values())

    first, *others = trees_of(name)
    poll_until(lambda: any(matches(first, trace) for trace in evident()), f"the page's tree: {name}", 10)
    for tree in others:
        poll_until(lambda tree=tree: any(matches(tree, trace) for trace in stored()), f"the page's tree: {tree}", 10)
    breaker.follow(REPAIR)
    assert_healthy(stack, path)
