"""Recorded spans: dictionaries until a limit or an unusual value asks for more.

The methods are those of OpenTelemetry's `Span`, so that the API can serve these spans as they are.
"""

from __future__ import annotations

from threading import RLock
from time import time_ns
from typing import TYPE_CHECKING, Any, NamedTuple

from spanloom.core.errors import current_request, exception_attributes
from spanloom.core.forks import after_fork
from spanloom.core.redaction import error_text, redaction_for
from spanloom.core.reports import report_dropped
from spanloom.core.spans.attributes import EMPTY, AttributeSet, Deferred, add_bounded, fits
from spanloom.core.spans.span_context import CoreSpan, Identity, to_identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Self

    from spanloom.core.redaction import Redaction
    from spanloom.core.spans.tracer import Tracer

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = range(5)  # the numbers of the API's SpanKind; OTLP counts from 1
UNSET, OK, ERROR = range(3)  # of StatusCode
# A span that has ended is read by the export thread and by whatever still holds it.
RESOLVING = RLock()
after_fork(RESOLVING._at_fork_reinit)  # type: ignore[attr-defined] # noqa: SLF001


class Event(NamedTuple):
    """Something that happened during a span; `timestamp` is in nanoseconds since the epoch."""

    name: str
    timestamp: int
    attributes: Mapping[str, Any]
    dropped: int


class Link(NamedTuple):
    """A span that a span is related to, beside its parent."""

    to: Identity
    attributes: Mapping[str, Any]
    dropped: int


class Span(CoreSpan):
    """A span that is recorded and sampled. Times are in nanoseconds since the epoch.

    The identity of its parent is `parent_id` (0: none) and `has_remote_parent`; what most spans never change belongs
    to the class.
    """

    parent_id = 0
    has_remote_parent = False
    state = ""
    is_remote = False
    end_time: int | None = None
    shared: AttributeSet = EMPTY  # attributes in common with other spans; `own` are the rest
    deferred: Deferred | None = None
    dropped_attributes = dropped_events = dropped_links = 0
    events: tuple[Event, ...] | list[Event] = ()
    links: tuple[Link, ...] | list[Link] = ()
    status, description = UNSET, ""
    redaction: Redaction | None = None
    records_exceptions = marks_exceptions = True  # of a `with` block

    def __init__(  # positional on the path of every request
        self, tracer: Tracer, name: str, kind: int, trace_id: int, span_id: int, flags: int
    ) -> None:
        self.tracer, self.name, self.kind = tracer, name, kind
        self.trace_id, self.span_id, self.flags = trace_id, span_id, flags
        self.own: dict[str, Any] = {}
        self.start_time = time_ns()

    def is_recording(self) -> bool:
        """Return whether the span has not ended."""
        return self.end_time is None

    def update_name(self, name: str) -> None:
        """Give the span another name."""
        if self.end_time is None:
            self.name = name

    def set_attribute(self, key: str, value: Any) -> None:
        """Set one attribute."""
        self.set_attributes({key: value})

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set several attributes; on a span that has ended nothing happens."""
        try:
            if self.end_time is None:
                if self.deferred is not None:
                    self.resolve_attributes()
                self._add(attributes)
        except Exception as error:
            report_dropped("attributes of a span", error)

    def defer_attributes(self, make: Callable[..., Iterable[Mapping[str, Any]]], values: tuple[object, ...]) -> None:
        """Set the attributes that `make(*values)` returns, at export; what is set after them comes after them."""
        if self.end_time is None:
            self.deferred = Deferred(make, values, self.deferred)

    def resolve_attributes(self) -> tuple[dict[str, Any], AttributeSet]:
        """Return the span's own attributes, deferred ones included, and those it shares."""
        with RESOLVING:
            if self.deferred is not None:
                deferred, self.deferred = self.deferred, None
                self._resolve(deferred)
            return self.own, self.shared

    @property
    def attributes(self) -> Mapping[str, Any]:
        """All attributes."""
        own, shared = self.resolve_attributes()
        return {**shared, **own}

    def _resolve(self, deferred: Deferred) -> None:
        if deferred.before is not None:
            self._resolve(deferred.before)
        try:
            for attributes in deferred.make(*deferred.values):
                self._add(attributes)
        except Exception as error:  # the span has other attributes, and is worth more than these
            report_dropped(f"a group of attributes of the span {self.name!r}", error)

    def _add(self, attributes: Mapping[str, Any]) -> None:
        limits, own, shared = self.tracer.limits, self.own, self.shared
        if attributes.__class__ is AttributeSet and not own and not shared and self.tracer.allows(attributes):
            self.shared = attributes
            return
        if shared and not shared.keys().isdisjoint(attributes):
            own = self.own = {**shared, **own}
            self.shared = shared = EMPTY
        if len(shared) + len(own) + len(attributes) <= limits.attributes and fits(attributes, limits.length):
            for key in own.keys() & attributes.keys() if own else ():
                del own[key]  # ordered by the last time that a key was set
            own.update(attributes)
            return
        if shared:
            own = self.own = {**shared, **own}
            self.shared = EMPTY
        self.dropped_attributes += add_bounded(own, attributes, limits.attributes, limits.length)

    def add_event(self, name: str, attributes: Mapping[str, Any] | None = None, timestamp: int | None = None) -> None:
        """Add an event; when there are as many as the limit allows, the oldest goes."""
        try:
            if self.end_time is None:
                self._add_event(name, attributes, time_ns() if timestamp is None else timestamp)
        except Exception as error:
            report_dropped("an event of a span", error)

    def _add_event(self, name: str, attributes: Mapping[str, Any] | None, timestamp: int) -> None:
        limits = self.tracer.limits
        kept, dropped = self._bounded(attributes, limits.event_attributes)
        self.dropped_events += self._append("events", Event(name, timestamp, kept, dropped), limits.events)

    def add_link(self, context: Any, attributes: Mapping[str, Any] | None = None) -> None:
        """Add a link to another span, named by its context; an invalid one without attributes is left out."""
        try:
            if self.end_time is None and (context.is_valid or attributes or context.trace_state):
                self._add_link(to_identity(context), attributes)
        except Exception as error:
            report_dropped("a link of a span", error)

    def _add_link(self, to: Identity, attributes: Mapping[str, Any] | None) -> None:
        limits = self.tracer.limits
        kept, dropped = self._bounded(attributes, limits.link_attributes)
        self.dropped_links += self._append("links", Link(to, kept, dropped), limits.links)

    def _bounded(self, attributes: Mapping[str, Any] | None, most: int) -> tuple[dict[str, Any], int]:
        kept: dict[str, Any] = {}
        return kept, add_bounded(kept, attributes, most, self.tracer.limits.length) if attributes else 0

    def _append(self, name: str, item: Event | Link, most: int) -> int:
        """Append to a list of the span; return how many the limit dropped."""
        with RESOLVING:
            items = [*getattr(self, name), item]
            setattr(self, name, items[max(0, len(items) - most) :])
        return max(0, len(items) - most)

    def set_status(self, status: Any, description: str | None = None) -> None:
        """Set the status: a StatusCode, its number, or the API's Status; OK is final, UNSET changes nothing.

        OpenTelemetry specification, "Trace API", section "Set Status". URLs in the description are redacted.
        """
        try:
            self._set_status(status, description)
        except Exception as error:
            report_dropped("the status of a span", error)

    def _set_status(self, status: Any, description: str | None) -> None:
        code = getattr(status, "status_code", status)
        code = getattr(code, "value", code)
        if self.end_time is not None or self.status == OK or code == UNSET:
            return
        text = getattr(status, "description", description) or ""
        self.status, self.description = code, self._redacted(text) if text and code == ERROR else ""

    def _redacted(self, text: str) -> str:
        # The API's use_span records the exception first and then writes its text into the status.
        return (self.redaction or redaction_for((), current_request())).redact_text(text)

    def record_exception(
        self, exception: BaseException, attributes: Mapping[str, Any] | None = None, timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:  # fmt: skip
        """Record an exception as an event, with its texts redacted."""
        try:
            self.redaction = redaction_for([exception], current_request())
            found = {**exception_attributes(exception, self.redaction), "exception.escaped": str(escaped)}
            self.add_event("exception", {**found, **(attributes or {})}, timestamp)
        except Exception as error:  # use_span would raise it instead of the application's
            report_dropped("an exception of a span", error)

    def end(self, end_time: int | None = None) -> None:
        """End the span and enqueue it for export; a second time changes nothing."""
        if self.end_time is None:
            self.end_time = time_ns() if end_time is None else end_time
            try:
                self.tracer.enqueue(self)
            except Exception as error:
                report_dropped("a span", error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is not None and self.records_exceptions:
            self.record_exception(error, escaped=True)
        if error is not None and self.marks_exceptions:
            self.set_status(ERROR, f"{type(error).__name__}: {error_text(error)}")
        self.end()
