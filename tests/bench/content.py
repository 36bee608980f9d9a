"""The spans that every arm must deliver for each request: no arm gains by dropping spans or attributes.

The names are those of the semantic conventions, stable and former, and Datadog's. The table of stable names is what
OpenTelemetry's instrumentations deliver when tuned, except `client.port` (opt-in in the conventions), the port of a
database behind a Unix socket (there is none), and duplicates.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

from spanloom.traces.model import group

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from spanloom.traces.model import Span, Trace

ROUTE = "/users/{user_id}"
DEVIATIONS = 5  # standard deviations of a binomial: a right sampler falls outside about once in 10^6 runs


class RequiredSpan(NamedTuple):
    """A span that every request must have, identified by an attribute whose value contains a text."""

    service: str
    kind: str
    attribute: str
    contains: str
    required: tuple[str, ...]

    @property
    def label(self) -> str:
        """Service and kind."""
        return f"{self.service} {self.kind}"

    def matches(self, span: Span) -> bool:
        """Return whether `span` is this required span."""
        value = str(span.attributes.get(self.attribute, ""))
        return span.service == self.service and span.kind == self.kind and self.contains in value


def _chain(
    route: str, url: str, statement: str, server: str, client: str, database: str, function: str
) -> tuple[RequiredSpan, ...]:
    """Return the required spans of a request, each below the one before; attribute names are separated by spaces."""
    functions = () if not function else ("code.function.name", tuple(function.split()))
    required_spans = [
        RequiredSpan("users-api", "SERVER", route, ROUTE, tuple(server.split())),
        RequiredSpan("users-api", "CLIENT", url, "/users/", tuple(client.split())),
        RequiredSpan("users-db-service", "SERVER", route, ROUTE, tuple(server.split())),
        RequiredSpan("users-db-service", "CLIENT", statement, "WHERE users.id", tuple(database.split())),
    ]
    if functions:
        required_spans.insert(
            3, RequiredSpan("users-db-service", "INTERNAL", functions[0], "select_user", functions[1])
        )
        required_spans.insert(1, RequiredSpan("users-api", "INTERNAL", functions[0], "read_user", functions[1]))
    return tuple(required_spans)


FUNCTION = "code.function.name code.file.path code.line.number user_id"
NAMES: Mapping[str, tuple[RequiredSpan, ...]] = {
    "stable": _chain(
        route="http.route",
        url="url.full",
        statement="db.query.text",
        server="http.request.method http.route http.response.status_code url.scheme url.path server.address server.port"
        " client.address network.protocol.version user_agent.original",
        client="http.request.method url.full http.response.status_code server.address server.port",
        database="db.system.name db.namespace db.query.text server.address",
        function=FUNCTION,
    ),
    "former": _chain(
        route="http.route",
        url="http.url",
        statement="db.statement",
        server="http.method http.route http.status_code http.scheme http.target http.host net.host.port net.peer.ip"
        " http.flavor http.user_agent",
        client="http.method http.url http.status_code",
        database="db.system db.name db.statement net.peer.name",
        function=FUNCTION,
    ),
    # Without function spans: with its OpenTelemetry API enabled, ddtrace would also have FastAPI's own spans.
    "datadog": _chain(
        route="http.route",
        url="http.url",
        statement="resource.name",
        server="http.method http.route http.status_code http.url http.version http.useragent",
        client="http.method http.url http.status_code out.host",
        database="db.system db.name resource.name out.host",
        function="",
    ),
}


@dataclass
class Content:
    """The spans that an arm delivered.

    requests: traces with a required span. spans: their spans. lost: missing required spans. orphans: spans whose
    parent is missing. misplaced: required spans that are not below the one before, or are duplicated. thin: how often
    a required attribute was missing, by `service KIND attribute`. others: spans of other traces, such as probes.
    """

    requests: int = 0
    spans: int = 0
    lost: int = 0
    orphans: int = 0
    misplaced: int = 0
    thin: Counter[str] = field(default_factory=Counter)
    others: int = 0


def examine(spans: Iterable[Span], chain: Sequence[RequiredSpan], served: int, share: float) -> Content:
    """Compare the spans of an arm that served this many requests, `share` of them traced, with its table."""
    found = Content()
    for trace in group(spans).values():
        if any(required_span.matches(span) for span in trace.spans for required_span in chain):
            _examine_one(trace, chain, found)
        else:
            found.others += len(trace.spans)
    if share == 1:
        found.lost += len(chain) * max(0, served - found.requests)
    return found


def _examine_one(trace: Trace, chain: Sequence[RequiredSpan], found: Content) -> None:
    found.requests += 1
    found.spans += len(trace.spans)
    found.orphans += len(trace.orphans)
    matches = [[span for span in trace.spans if required_span.matches(span)] for required_span in chain]
    found.lost += sum(not spans for spans in matches)
    found.misplaced += sum(len(spans) > 1 for spans in matches)
    parents = {span.span_id: span.parent_id for span in trace.spans}
    for above, below in pairwise(spans[0] for spans in matches if spans):
        found.misplaced += not _is_below(below, above, parents)
    for required_span, spans in zip(chain, matches, strict=True):
        for span in spans[:1]:
            found.thin.update(
                f"{required_span.label} {name}" for name in required_span.required if name not in span.attributes
            )


def _is_below(span: Span, above: Span, parents: Mapping[str, str | None]) -> bool:
    parent = span.parent_id
    while parent is not None and parent != above.span_id:
        parent = parents.get(parent)
    return parent is not None


def faults(found: Content, served: int, share: float) -> list[str]:
    """Return the missing and misplaced spans and attributes as texts; empty if the arm delivered all."""
    texts = [f"attribute missing {count} times: {what}" for what, count in sorted(found.thin.items())]
    for count, what in ((found.lost, "lost"), (found.orphans, "orphans"), (found.misplaced, "misplaced or duplicate")):
        if count:
            texts.append(f"{count} spans {what}")
    if not plausible(found.requests, served, share):
        texts.append(f"{found.requests} traces of {served} requests, expected {share:.0%}")
    return texts


def plausible(traces: int, served: int, share: float) -> bool:
    """Return whether this number of traces fits a sampler with the ratio `share`."""
    return abs(traces - served * share) <= DEVIATIONS * sqrt(served * share * (1 - share))
