"""Spans with a low cost, for providers that only export by OTLP.

The SDK's span creates locks, bounded lists and a copy of itself for processors, and its exporter builds a tree of
protobuf messages, all during requests. A LeanSpan is a dictionary until one of these is needed.
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

from spanloom.tracing.guard import Guard, report_dropped
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
# Ended spans are read by the export thread and by code that still holds a reference.
RESOLVING = RLock()
os.register_at_fork(after_in_child=RESOLVING._at_fork_reinit)  # type: ignore[attr-defined]


class LeanSpan(Span):
    """The SDK's span without eager initialization: attributes are a dictionary until a limit applies.

    Events, links, limits and compound values use the SDK's inherited code. Spans are created without the SDK's __new__
    and __init__, which cost more than the remaining operations on a span; fields that most spans never change are class
    attributes.
    """

    _tracer: LeanTracer
    _events: Any = ()
    _links: Any = ()
    _status = UNSET
    _end_time = None
    _record_exception = _set_status_on_exception = True
    _instrumentation_info = _trace_config = _record_end_metrics = None  # read by the SDK's code
    shared_attributes: AttributeSet = EMPTY  # shared with other spans; `own_attributes` contains the others
    own_attributes: Any
    deferred: Deferred | None = None  # function, arguments, and the previous deferral

    def resolve_attributes(self) -> tuple[Any, AttributeSet]:
        """Return the span's own attributes, deferred ones included, and the shared ones."""
        with RESOLVING:
            if self.deferred is not None:
                deferred, self.deferred = self.deferred, None
                self._resolve(*deferred)
            return self.own_attributes, self.shared_attributes

    def add_deferred(self, make: Make, values: tuple[object, ...]) -> None:
        """Defer attributes (see `defer_attributes`); attributes set later take precedence."""
        if self._end_time is None:
            self.deferred = (make, values, self.deferred)

    def _resolve(self, make: Make, values: tuple[object, ...], before: Deferred | None) -> None:
        if before is not None:
            self._resolve(*before)
        try:
            for attributes in make(*values):
                self._add(attributes)
        except Exception as error:  # the span and its other attributes are kept
            report_dropped(f"a group of attributes of the span {self.name!r}", error)

    def _add(self, attributes: Mapping[str, AnyValue]) -> None:
        """Set attributes of an ended span, which `set_attributes` refuses."""
        if self.own_attributes.__class__ is not dict or not self._keep(attributes):
            self.bound_attributes()
            for key, value in attributes.items():
                self.own_attributes[key] = value

    @property
    def _attributes(self) -> Any:
        """All attributes in one mapping, as the SDK's code expects them."""
        with RESOLVING:
            own_attributes, shared = self.resolve_attributes()
            if shared:
                self.own_attributes, self.shared_attributes = {**shared, **own_attributes}, EMPTY
            return self.own_attributes

    @_attributes.setter
    def _attributes(self, attributes: Any) -> None:
        self.own_attributes, self.shared_attributes = attributes, EMPTY

    @property
    def _lock(self) -> Any:  # type: ignore[override]  # created when the SDK's code needs it, which is rare
        return self.__dict__.setdefault("lock", Lock())  # concurrent calls get the same lock

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
        """Rename the span, as the SDK does."""
        try:
            if self._end_time is None:
                self._name = name
                return
        except Exception as error:
            guard.record_failure(error)
        super().update_name(name)

    def set_attribute(self, key: str, value: AnyValue) -> None:
        """Set one attribute, as the SDK does."""
        self.set_attributes({key: value})

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        """Set several attributes, as the SDK does."""
        if self._end_time is not None:
            super().set_attributes(attributes)  # logs a warning and ignores them
            return
        try:
            if self.deferred is not None:
                self.resolve_attributes()
            if self.own_attributes.__class__ is dict and self._keep(attributes):
                return
            self.bound_attributes()
        except Exception as error:
            guard.record_failure(error)
        super().set_attributes(attributes)

    def _keep(self, attributes: Mapping[str, AnyValue]) -> bool:
        """Store plain attributes within all limits; False if the SDK's attributes are needed."""
        own_attributes, shared = self.own_attributes, self.shared_attributes
        if (
            attributes.__class__ is AttributeSet
            and not own_attributes
            and not shared
            and self._tracer.allows(attributes)
        ):
            self.shared_attributes = attributes
        elif self._fits(attributes):
            target = self._attributes if shared and not shared.keys().isdisjoint(attributes) else own_attributes
            for key in target.keys() & attributes.keys() if target else ():
                del target[key]  # the SDK's order: by the last assignment of a key
            target.update(attributes)
        else:
            return False
        return True

    def _fits(self, attributes: Mapping[str, AnyValue]) -> bool:
        """Return whether `attributes` are plain values within every limit."""
        max_length = self._tracer.max_value_length
        for key, value in attributes.items():
            kind = value.__class__
            if not key or key.__class__ is not str:
                return False
            if not ((kind is str and len(value) <= max_length) or kind in NUMBERS):  # type: ignore[arg-type]
                return False
        return len(self.shared_attributes) + len(self.own_attributes) + len(attributes) <= self._tracer.max_attributes

    def bound_attributes(self) -> None:
        """Switch to the SDK's BoundedAttributes, which clean values and drop the oldest."""
        if self._attributes.__class__ is dict:
            max_count, max_length = self._limits.max_span_attributes, self._limits.max_span_attribute_length
            self._attributes = BoundedAttributes(max_count, self._attributes, immutable=False, max_value_len=max_length)

    def _add_event(self, event: Any) -> None:
        try:
            if self._events.__class__ is tuple:
                self._events = self._new_events()  # type: ignore[no-untyped-call]
            super()._add_event(event)
        except Exception as error:
            guard.record_failure(error)

    def _add_link(self, link: Link) -> None:
        try:
            if self._links.__class__ is tuple:
                self._links = self._new_links(())
            super()._add_link(link)
        except Exception as error:
            guard.record_failure(error)

    def end(self, end_time: int | None = None) -> None:
        """End the span and enqueue it for export; a second call has no effect."""
        if self._end_time is not None:
            log.warning("Calling end() on an ended span.")
            return
        self._end_time = time_ns() if end_time is None else end_time
        try:
            provider = self._tracer.provider
            if provider.queue is None:
                provider.finish(self)
            elif self._context[3] & SAMPLED:  # type: ignore[index]  # never None
                provider.queue.emit(self)
        except Exception as error:
            guard.record_failure(error)
