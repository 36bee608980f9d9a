"""For each breakage: requests that show it, and the evidence in their traces that its page describes."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from support.builders.pages import ANYTHING, blocks
from support.paths import ROOT

from spanloom_local.breakages.users_db import BLOCKED_SECONDS, SLOW_SECONDS
from spanloom_local.journey import CREATE, LIST, READ, Response, Step, send

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanloom.traces.model import Span, Trace

PAGE = "deploy/demos/breakages/{}.md"
TIME = re.compile(r" +[\d.]+ ms")
SPACES = re.compile(r"(?<=\S) {2,}(?=\S)")
CONCURRENT = 6
INDEX = "deploy/demos/README.md"
ROW = re.compile(r"^\| \[([\w-]+)\]\(breakages/\1\.md\) \| .* \| (?:\[`(\w+)`\]\(\S+\)|none: .*) \|$", re.MULTILINE)


class Path(NamedTuple):
    """How a breakage is followed: requests, their trace without it, and what a trace has during it alone."""

    request: Callable[[str], list[Response]]
    healthy: Step
    is_evident: Callable[[Trace], bool]


def page_of(name: str) -> str:
    """Return the page of a breakage, from the root of the repository."""
    return PAGE.format(name)


def alerts() -> dict[str, str]:
    """Return the alert of each breakage in the index, "" where none fires."""
    return {row[1]: row[2] or "" for row in ROW.finditer((ROOT / INDEX).read_text())}


def trees_of(name: str) -> list[str]:
    """Return the trees on the page of a breakage; the first is that of the request."""
    return [block.text for block in blocks(page_of(name)) if block.language == "text"]


def matches(tree: str, trace: Trace) -> bool:
    """Return whether a trace is a tree of a page: times may differ, a line of … stands for any lines."""
    return re.fullmatch(_pattern(_normal(tree)), _normal(trace.tree())) is not None


def _normal(tree: str) -> str:
    return "\n".join(SPACES.sub("  ", TIME.sub("", line)).rstrip() for line in tree.strip().splitlines())


def _pattern(tree: str) -> str:
    lines = [".*" if line.strip(" │├└─") == ANYTHING else re.escape(line) for line in tree.splitlines()]
    return "(?s:" + "\n".join(lines) + ")"


def _list(url: str) -> list[Response]:
    return [send(url, "GET", "/users")]


def _create(url: str) -> Response:
    return send(url, CREATE.method, CREATE.route, CREATE.body)


def _create_at_once(url: str) -> list[Response]:
    with ThreadPoolExecutor(CONCURRENT) as pool:
        return list(pool.map(_create, [url] * CONCURRENT))


def _list_at_once(url: str) -> list[Response]:
    with ThreadPoolExecutor(CONCURRENT) as pool:
        return [response for found in pool.map(_list, [url] * 3) for response in found]


def _list_two(url: str) -> list[Response]:
    """List two users of at least three, so that the statements are known: one for three ids, three for users."""
    created = [_create(url) for _ in range(3)]
    assert {CREATE.status} == {response.status for response in created}
    return [send(url, "GET", "/users?limit=2")]


def _read(url: str) -> list[Response]:
    user = _create(url).body["id"]
    return [send(url, "GET", f"/users/{user}")]


def _list_forged(url: str) -> list[Response]:
    return [send(url, "GET", "/users", traceparent=f"00-{uuid4().hex}-b7ad6b7169203331-01")]


def _spans(trace: Trace, label: str) -> list[Span]:
    return [span for span in trace.spans if span.label == label]


def _is_slow(trace: Trace) -> bool:
    return any(
        span.duration_ms >= SLOW_SECONDS * 1000 for span in _spans(trace, "users-db-service CLIENT SELECT users")
    )


def _has_no_statement(trace: Trace) -> bool:
    failed = _spans(trace, "users-db-service INTERNAL insert_user")
    return bool(failed) and not _spans(trace, "users-db-service CLIENT INSERT users")


def _waited_for_the_loop(trace: Trace) -> bool:
    """Return whether a server span begins long after the client's, although both run on one machine."""
    pairs = [(span, child) for span in trace.spans for child in trace.children(span) if child.kind == "SERVER"]
    return any(child.start_ns - span.start_ns >= BLOCKED_SECONDS * 1e9 / 2 for span, child in pairs)


def _has_four_statements(trace: Trace) -> bool:
    return len(_spans(trace, "users-db-service CLIENT SELECT users")) == 4


def _ends_at_the_edge(trace: Trace) -> bool:
    return {"users-api SERVER GET /users/{user_id}"} == {span.label for span in trace.spans}


def _has_ten_attempts(trace: Trace) -> bool:
    return len(_spans(trace, "users-api CLIENT GET")) == 10


def _has_attempts_without_server(trace: Trace) -> bool:
    attempts = _spans(trace, "users-api CLIENT GET")
    return len(attempts) == 3 and not any(map(trace.children, attempts))


def _has_a_parent_outside(trace: Trace) -> bool:
    return ["b7ad6b7169203331"] == [span.parent_id for span in trace.orphans]


PATHS = {
    "slow-query": Path(_list, LIST, _is_slow),
    "pool-exhaustion": Path(_create_at_once, CREATE, _has_no_statement),
    "n-plus-one": Path(_list_two, LIST, _has_four_statements),
    "lost-context": Path(_read, READ, _ends_at_the_edge),
    "retry-storm": Path(_read, READ, _has_ten_attempts),
    "blocked-event-loop": Path(_list_at_once, LIST, _waited_for_the_loop),
    "downstream-outage": Path(_list, LIST, _has_attempts_without_server),
    "forged-trace-context": Path(_list_forged, LIST, _has_a_parent_outside),
}
