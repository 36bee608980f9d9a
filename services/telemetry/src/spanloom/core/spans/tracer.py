"""Tracers: they start spans and hand those that have ended to the export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from spanloom.core.context import get_current, span_of
from spanloom.core.forks import notice_fork
from spanloom.core.spans.attributes import EMPTY, AttributeSet, Limits
from spanloom.core.spans.ids import new_span_id, new_trace_id
from spanloom.core.spans.span import INTERNAL, Span
from spanloom.core.spans.span_context import INHERITED, RANDOM, SAMPLED, DroppedSpan, PropagatedSpan, identity_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from spanloom.core.context import Context
    from spanloom.core.spans.remote_sampling import RemoteSampler
    from spanloom.core.spans.sampling import Sampler


class Scope(NamedTuple):
    """Instrumentation scope: the library that makes the spans."""

    name: str
    version: str = ""
    schema_url: str = ""
    attributes: tuple[tuple[str, Any], ...] = ()


class Tracer:
    """Starts spans of one scope. `enqueue` takes a span that has ended."""

    def __init__(
        self, scope: Scope, sampler: Sampler | RemoteSampler, limits: Limits, enqueue: Callable[[Span], None]
    ) -> None:
        self.scope, self.sampler, self.limits, self.enqueue = scope, sampler, limits, enqueue
        self.follows_parent = sampler.follows_parent

    def allows(self, shared: AttributeSet) -> bool:
        """Return whether these attributes are within every limit."""
        return shared.longest <= self.limits.length and len(shared) <= self.limits.attributes

    def start(
        self, name: str, kind: int = INTERNAL, context: Context | None = None, attributes: Mapping[str, Any] = EMPTY
    ) -> Span | PropagatedSpan:
        """Start a span below the current one, or below that of `context`."""
        parent = span_of(get_current() if context is None else context)
        if parent.__class__ is Span and self.follows_parent:
            span = Span(self, name, kind, parent.trace_id, new_span_id(), parent.flags)
            span.parent_id = parent.span_id
            if parent.state:
                span.state = parent.state
        else:
            found = self._start_below(identity_of(parent), name, kind)
            if isinstance(found, PropagatedSpan):
                return found
            span = found
        if attributes.__class__ is AttributeSet and self.allows(attributes):
            span.shared = attributes
        elif attributes:
            span.set_attributes(attributes)
        return span

    def _start_below(self, parent: Any, name: str, kind: int) -> Span | PropagatedSpan:
        """Start a span whose sampling has to be decided."""
        notice_fork()
        if parent is None:
            trace_id, parent_flags = new_trace_id(), RANDOM
        else:
            trace_id, parent_flags = parent.trace_id, parent.flags & INHERITED
        if parent is not None and self.follows_parent:
            is_sampled = bool(parent_flags & SAMPLED)
        else:
            is_sampled = self.sampler.samples(trace_id, name)
        flags = parent_flags & RANDOM | (SAMPLED if is_sampled else 0)
        state = parent.state if parent is not None else ""
        if not is_sampled:
            is_final = self.follows_parent or not self.sampler.bound
            return (DroppedSpan if is_final else PropagatedSpan)(trace_id, new_span_id(), flags, state)
        span = Span(self, name, kind, trace_id, new_span_id(), flags)
        if parent is not None:
            span.parent_id, span.has_remote_parent = parent.span_id, parent.is_remote
        if state:
            span.state = state
        return span

    def start_span(  # the API's signature
        self,
        name: str,
        context: Context | None = None,
        kind: Any = INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Iterable[Any] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> Span | PropagatedSpan:
        """Start a span as OpenTelemetry's `Tracer.start_span` does."""
        span = self.start(name, getattr(kind, "value", kind), context, attributes or EMPTY)
        if isinstance(span, Span):
            for link in links or ():
                span.add_link(link.context, link.attributes)
            span.start_time = span.start_time if start_time is None else start_time
            span.records_exceptions, span.marks_exceptions = record_exception, set_status_on_exception
        return span
