"""Model of spans and traces from any source, and the tree of a trace."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

NANOSECONDS_PER_MILLISECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Span:
    """One span from the SDK, OTLP or Jaeger.

    Ids are lower-case hexadecimal (32 and 16 digits); times are nanoseconds since the epoch. `kind` is SERVER, CLIENT,
    INTERNAL, PRODUCER or CONSUMER; `status` is UNSET, OK or ERROR.
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: str
    service: str
    start_ns: int
    end_ns: int
    status: str = "UNSET"
    message: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[Mapping[str, Any], ...] = ()
    links: tuple[str, ...] = ()
    resource: Mapping[str, Any] = field(default_factory=dict)
    scope: str = ""

    @property
    def duration_ms(self) -> float:
        """Milliseconds from start to end."""
        return (self.end_ns - self.start_ns) / NANOSECONDS_PER_MILLISECOND

    @property
    def label(self) -> str:
        """The span in a tree without times: `users-api SERVER POST /users`."""
        return f"{self.service} {self.kind} {self.name}"


@dataclass(frozen=True)
class Trace:
    """The spans of one trace id; duplicates are dropped, as delivery is at least once."""

    spans: tuple[Span, ...]

    @classmethod
    def from_spans(cls, spans: Iterable[Span]) -> Trace:
        """Return one trace of `spans`, ordered by start; ValueError if they belong to several traces or none."""
        unique = {span.span_id: span for span in spans}
        if len({span.trace_id for span in unique.values()}) != 1:
            raise ValueError(f"expected the spans of one trace, got {len(unique)} spans of several or none")
        return cls(tuple(sorted(unique.values(), key=lambda span: span.start_ns)))

    @property
    def trace_id(self) -> str:
        """32 lower-case hexadecimal digits."""
        return self.spans[0].trace_id

    @cached_property
    def _ids(self) -> frozenset[str]:
        return frozenset(span.span_id for span in self.spans)

    @property
    def orphans(self) -> tuple[Span, ...]:
        """Spans whose parent is missing."""
        return tuple(s for s in self.spans if s.parent_id is not None and s.parent_id not in self._ids)

    @property
    def tops(self) -> tuple[Span, ...]:
        """Spans without a parent in the trace: the root, and orphans."""
        return tuple(s for s in self.spans if s.parent_id is None or s.parent_id not in self._ids)

    @property
    def root(self) -> Span:
        """The one span without a parent; ValueError with the tree if there is not exactly one."""
        roots = [span for span in self.spans if span.parent_id is None]
        if len(roots) != 1:
            raise ValueError(f"expected one root, found {len(roots)}:\n{self.tree()}")
        return roots[0]

    @cached_property
    def _children(self) -> Mapping[str | None, list[Span]]:
        children: defaultdict[str | None, list[Span]] = defaultdict(list)
        for span in self.spans:
            children[span.parent_id].append(span)
        return children

    def children(self, span: Span) -> tuple[Span, ...]:
        """Return the direct children of `span`, by start."""
        return tuple(self._children.get(span.span_id, ()))

    def walk(self) -> Iterator[tuple[Span, tuple[bool, ...]]]:
        """Yield every span with, for each level above it, whether that ancestor was the last of its siblings.

        Spans in a parent cycle, which untrusted senders may produce, are visited once, starting with the earliest.
        """
        visited: set[str] = set()
        for top in (*self.tops, *self.spans):
            pending: list[tuple[Span, tuple[bool, ...]]] = [(top, ())]
            while pending:
                span, path = pending.pop()
                if span.span_id in visited:
                    continue
                visited.add(span.span_id)
                yield span, path
                children = self.children(span)
                pending += [(child, (*path, child is children[-1])) for child in reversed(children)]

    def shape(self) -> str:
        """Return the tree without times, two spaces per level, for comparisons in tests."""
        return "\n".join("  " * len(path) + span.label for span, path in self.walk())

    def tree(self) -> str:
        """Return the tree with service, kind, duration and outcome in aligned columns."""
        return "\n".join(_aligned([_row(span, path) for span, path in self.walk()]))


def group(spans: Iterable[Span]) -> dict[str, Trace]:
    """Return traces by trace id, in order of first appearance."""
    by_id: defaultdict[str, list[Span]] = defaultdict(list)
    for span in spans:
        by_id[span.trace_id].append(span)
    return {trace_id: Trace.from_spans(members) for trace_id, members in by_id.items()}


def outcome(span: Span) -> str:
    """Return the HTTP status code, ERROR and the error type."""
    status = span.attributes.get("http.response.status_code")
    parts = [str(status)] if status else []
    if span.status == "ERROR":
        parts += ["ERROR", str(span.attributes.get("error.type", span.message))]
    return " ".join(parts)


def _row(span: Span, path: tuple[bool, ...]) -> tuple[str, ...]:
    rails = "".join("   " if last else "│  " for last in path[:-1])
    branch = ("└─ " if path[-1] else "├─ ") if path else ""
    return (rails + branch + span.name, span.service, span.kind, f"{span.duration_ms:.1f} ms", outcome(span))


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return [
        f"{name:<{widths[0]}}  {service:<{widths[1]}}  {kind:<{widths[2]}}  {time:>{widths[3]}}  {result}".rstrip()
        for name, service, kind, time, result in rows
    ]
