"""Spans that cost little, wherever the only thing that happens to a span is that it is exported by OTLP.

The SDK's span creates locks, bounded lists and a copy of itself for processors to read, and its exporter builds a tree
of protobuf messages, all at the expense of the requests. A LeanSpan is a dictionary until something else is needed.
"""

from __future__ import annotations

import logging
import os
from threading import Lock, RLock
from time import time_ns
from typing import TYPE_CHECKING, Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Span
from opentelemetry.trace import Status, TraceFlags

from spanloom.tracing.guard import Guard, report_loss
from spanloom.tracing.shared_attributes import EMPTY, AttributeSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanLimits, SpanProcessor
    from opentelemetry.sdk.trace.sampling import Sampler
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link
    from opentelemetry.util.types import AnyValue

    from spanloom.sdk.tracer import LeanTracer

    Make = Callable[..., Iterable[Mapping[str, AnyValue]]]
    Deferred = tuple[Make, tuple[object, ...], "Deferred | None"]

log = logging.getLogger(__name__)
guard = Guard("lean spans")

NUMBERS = frozenset({int, bool, float})
UNSET = Status()
SAMPLED = TraceFlags.SAMPLED
# A span that has ended is read by the export thread and by whoever still holds it.
RESOLVING = RLock()
os.register_at_fork(after_in_child=RESOLVING._at_fork_reinit)  # type: ignore[attr-defined]


class LeanSpan(Span):
    """The SDK's span without what is made in advance: its attributes are a dictionary until they need a bound.

    Everything rare (events, links, limits, values that are not plain) is the SDK's own code, inherited. It is made
    without the SDK's __new__ and __init__, which cost more than the rest of a span's life; what most spans never
    change belongs to the class.
    """

    _tracer: LeanTracer
    _events: Any = ()
    _links: Any = ()
    _status = UNSET
    _end_time = None
    _record_exception = _set_status_on_exception = True
    _instrumentation_info = _trace_config = _record_end_metrics = None  # read by the SDK's own code
    shared_attributes: AttributeSet = EMPTY  # attributes in common with other spans; `own_attributes` are the rest
    own_attributes: Any
    deferred: Deferred | None = None  # a function that returns attributes, its arguments, and what was deferred before

    def resolve_attributes(self) -> tuple[Any, AttributeSet]:
        """Return the span's own attributes, deferred ones included, and those it shares."""
        with RESOLVING:
            if self.deferred is not None:
                deferred, self.deferred = self.deferred, None
                self._resolve(*deferred)
            return self.own_attributes, self.shared_attributes

    def add_deferred(self, make: Make, values: tuple[object, ...]) -> None:
        """Set attributes as `defer_attributes` does; what is set after them comes after them."""
        if self._end_time is None:
            self.deferred = (make, values, self.deferred)

    def _resolve(self, make: Make, values: tuple[object, ...], before: Deferred | None) -> None:
        if before is not None:
            self._resolve(*before)
        try:
            for attributes in make(*values):
                self._add(attributes)
        except Exception as error:  # the span has other attributes, and is worth more than these
            report_loss(f"a group of attributes of the span {self.name!r}", error)

    def _add(self, attributes: Mapping[str, AnyValue]) -> None:
        """Set attributes, which `set_attributes` would refuse as the span has ended."""
        if self.own_attributes.__class__ is not dict or not self._keep(attributes):
            self.bound_attributes()
            for key, value in attributes.items():
                self.own_attributes[key] = value

    @property
    def _attributes(self) -> Any:
        """All attributes in one mapping, as the SDK's code expects them."""
        with RESOLVING:
            own, shared = self.resolve_attributes()
            if shared:
                self.own_attributes, self.shared_attributes = {**shared, **own}, EMPTY
            return self.own_attributes

    @_attributes.setter
    def _attributes(self, attributes: Any) -> None:
        self.own_attributes, self.shared_attributes = attributes, EMPTY

    @property
    def _lock(self) -> Any:  # type: ignore[override] # made when the SDK's code asks for it, which is rare
        return self.__dict__.setdefault("lock", Lock())  # two threads that ask at once get the same one

    @property
    def _limits(self) -> SpanLimits:
        return self._tracer._span_limits

    @property
    def _resource(self) -> Resource:  # type: ignore[override]
        return self._tracer.resource

    @property
    def _sampler(self) -> Sampler:  # type: ignore[override]
        return self._tracer.sampler

    @property
    def _span_processor(self) -> SpanProcessor:  # type: ignore[override]
        return self._tracer.span_processor

    @property
    def _instrumentation_scope(self) -> InstrumentationScope:  # type: ignore[override]
        return self._tracer._instrumentation_scope

    def update_name(self, name: str) -> None:
        """Give the span another name, as the SDK does."""
        try:
            if self._end_time is None:
                self._name = name
                return
        except Exception as error:
            guard.failed(error)
        super().update_name(name)

    def set_attribute(self, key: str, value: AnyValue) -> None:
        """Set one attribute, as the SDK does."""
        self.set_attributes({key: value})

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        """Set several attributes, as the SDK does."""
        if self._end_time is not None:
            super().set_attributes(attributes)  # refuses
            return
        try:
            if self.deferred is not None:
                self.resolve_attributes()
            if self.own_attributes.__class__ is dict and self._keep(attributes):
                return
            self.bound_attributes()
        except Exception as error:
            guard.failed(error)
        super().set_attributes(attributes)

    def _keep(self, attributes: Mapping[str, AnyValue]) -> bool:
        """Keep attributes as they are; False if a limit or their type does not allow it."""
        own, shared = self.own_attributes, self.shared_attributes
        if attributes.__class__ is AttributeSet and not own and not shared and self._tracer.allows(attributes):
            self.shared_attributes = attributes
        elif self._fits(attributes):
            all_of_them = self._attributes if shared and not shared.keys().isdisjoint(attributes) else own
            for key in all_of_them.keys() & attributes.keys() if all_of_them else ():
                del all_of_them[key]  # the SDK's order: by the last time that a key was set
            all_of_them.update(attributes)
        else:
            return False
        return True

    def _fits(self, attributes: Mapping[str, AnyValue]) -> bool:
        """Return whether `attributes` are plain values within every limit."""
        longest = self._tracer.max_value_length
        for key, value in attributes.items():
            kind = value.__class__
            if not key or key.__class__ is not str:
                return False
            if not ((kind is str and len(value) <= longest) or kind in NUMBERS):  # type: ignore[arg-type]
                return False
        return len(self.shared_attributes) + len(self.own_attributes) + len(attributes) <= self._tracer.max_attributes

    def bound_attributes(self) -> None:
        """Change over to the SDK's attributes, which clean values and drop the oldest."""
        if self._attributes.__class__ is dict:
            most, longest = self._limits.max_span_attributes, self._limits.max_span_attribute_length
            self._attributes = BoundedAttributes(most, self._attributes, immutable=False, max_value_len=longest)

    def _add_event(self, event: Any) -> None:
        try:
            if self._events.__class__ is tuple:
                self._events = self._new_events()  # type: ignore[no-untyped-call]
            super()._add_event(event)
        except Exception as error:
            guard.failed(error)

    def _add_link(self, link: Link) -> None:
        try:
            if self._links.__class__ is tuple:
                self._links = self._new_links(())
            super()._add_link(link)
        except Exception as error:
            guard.failed(error)

    def end(self, end_time: int | None = None) -> None:
        """End the span and enqueue it for export; a second time changes nothing."""
        if self._end_time is not None:
            log.warning("Calling end() on an ended span.")
            return
        self._end_time = time_ns() if end_time is None else end_time
        try:
            provider = self._tracer.provider
            if provider.queue is None:
                provider.finish(self)
            elif self._context[3] & SAMPLED:  # type: ignore[index] # never None
                provider.queue.emit(self)
        except Exception as error:
            guard.failed(error)
