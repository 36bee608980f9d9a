"""The SDK's tracer and provider, with a shorter path to a span while OTLP export is the only processor.

Samplers, limits, ids, resource, queue and retries are the SDK's own. After another processor is added to the provider,
new spans are the SDK's.
"""

from __future__ import annotations

import sys
from functools import partial
from random import getrandbits
from time import time_ns
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from opentelemetry import trace
from opentelemetry.sdk.trace import Tracer, TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Decision, ParentBased
from opentelemetry.trace import DEFAULT_TRACE_STATE, NonRecordingSpan, SpanContext, SpanKind, TraceFlags

from spanloom.sdk.exporter import LeanProcessor
from spanloom.sdk.span import LeanSpan, guard
from spanloom.sdk.span_redaction import RedactingProcessor
from spanloom.tracing.context import FLAGS, SPAN_KEY, DroppedSpan, get_current, new_span_context
from spanloom.tracing.shared_attributes import AttributeSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk._shared_internal import BatchProcessor
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
    from opentelemetry.trace import Link
    from opentelemetry.util.types import Attributes

SAMPLED, RANDOM = TraceFlags.SAMPLED, TraceFlags.RANDOM_TRACE_ID
INHERITED = SAMPLED | RANDOM


class LeanTracer(Tracer):
    """The SDK's tracer, with a shorter `start_span` while its provider is lean."""

    provider: LeanTracerProvider
    max_attributes: int
    max_value_length: int

    def bind(self, provider: LeanTracerProvider) -> None:
        """Use the state and limits of `provider`."""
        max_count, max_length = self._span_limits.max_span_attributes, self._span_limits.max_span_attribute_length
        self.max_attributes = sys.maxsize if max_count is None else max_count
        self.max_value_length = sys.maxsize if max_length is None else max_length
        ids = self.id_generator
        self.new_span_id = partial(getrandbits, 64) if type(ids) is RandomIdGenerator else ids.generate_span_id
        self.provider = provider

    def allows(self, shared: AttributeSet) -> bool:
        """Return whether the attributes are within every limit."""
        return shared.max_text_length <= self.max_value_length and len(shared) <= self.max_attributes

    def start_span(  # the API's signature
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> trace.Span:
        """Start a span, as the SDK does."""
        is_usual = record_exception and set_status_on_exception and self._tracer_config.is_enabled
        if self.provider.queue is not None and is_usual and not guard.is_disabled:
            try:
                return self._start(name, context, kind, attributes, links, start_time)
            except Exception as error:
                guard.record_failure(error)
        rest = (start_time, record_exception, set_status_on_exception)
        return super().start_span(name, context, kind, attributes, links, *rest)

    def _start(
        self, name: str, context: Context | None, kind: SpanKind,
        attributes: Attributes, links: Sequence[Link] | None, start_time: int | None,
    ) -> trace.Span:  # fmt: skip
        parent = parent_of(get_current() if context is None else context)
        if parent is not None and self.provider.follows_parent:
            # The sampled flag first: an unsampled request needs nothing else.
            trace_id, _, _, flags, state, _ = parent
            span_id = self.new_span_id() or self.id_generator.generate_span_id()  # 0 is not a valid id
            span_context = new_span_context((trace_id, span_id, False, FLAGS[flags & INHERITED], state, True))
            if not flags & SAMPLED:
                return DroppedSpan(span_context)
        else:
            span_context, is_recorded, attributes = self._sample(parent, context, name, kind, attributes, links)
            if not is_recorded:
                return DroppedSpan(span_context) if self.provider.follows_parent else NonRecordingSpan(span_context)
        span: LeanSpan = object.__new__(LeanSpan)
        span._tracer, span._name, span._context, span._parent, span._kind = self, name, span_context, parent, kind
        span.own_attributes = {}
        if attributes.__class__ is AttributeSet and self.allows(attributes):
            span.shared_attributes = attributes
        elif attributes:
            span.set_attributes(attributes)
        if links:
            span._links = span._new_links(links)
        span._start_time = time_ns() if start_time is None else start_time
        return span

    def _sample(
        self, parent: SpanContext | None, context: Context | None, name: str, kind: SpanKind,
        attributes: Attributes, links: Sequence[Link] | None,
    ) -> tuple[SpanContext, bool, Attributes]:  # fmt: skip
        """Run the sampler; return the span context, whether the span is recorded, and its initial attributes."""
        ids = self.id_generator
        if parent is None and self.provider.samples_all:
            flags = FLAGS[SAMPLED | (RANDOM if ids.is_trace_id_random() else 0)]
            span_context = (ids.generate_trace_id(), ids.generate_span_id(), False, flags, DEFAULT_TRACE_STATE, True)
            return new_span_context(span_context), True, attributes
        if parent is not None:
            trace_id, random = parent.trace_id, parent.trace_flags & RANDOM
        else:
            trace_id, random = ids.generate_trace_id(), RANDOM if ids.is_trace_id_random() else 0
        result = self.sampler.should_sample(context, trace_id, name, kind, attributes, links or ())
        flags = FLAGS[random | (SAMPLED if result.decision is Decision.RECORD_AND_SAMPLE else 0)]
        span_context = SpanContext(trace_id, ids.generate_span_id(), False, flags, result.trace_state)
        return span_context, result.decision is not Decision.DROP, result.attributes


def parent_of(context: Context) -> SpanContext | None:
    """Return the context of the current span; None if there is none or it is invalid."""
    span: Any = context.get(SPAN_KEY)
    if span is None:
        return None
    if span.__class__ is LeanSpan:
        return span._context  # always valid
    span = trace.get_current_span(context)  # accepts objects of any type
    return parent if (parent := span.get_span_context()) and parent.is_valid else None


class LeanTracerProvider(TracerProvider):
    """The SDK's provider; lean while one LeanProcessor is its only exporting processor."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.queue: BatchProcessor[ReadableSpan] | None = None  # queue of the LeanProcessor, while the provider is lean
        self.follows_parent = follows_parent(self.sampler)
        self.samples_all = samples_all(self.sampler)

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Register a processor; the provider is lean only with one LeanProcessor and redaction."""
        super().add_span_processor(span_processor)
        registered = self._active_span_processor._span_processors
        lean = [processor for processor in registered if type(processor) is LeanProcessor]
        is_lean = len(lean) == 1 and {type(processor) for processor in registered} <= {
            LeanProcessor,
            RedactingProcessor,
        }
        self.queue = lean[0]._batch_processor if is_lean else None

    def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:
        """Return the SDK's tracer of that scope as a LeanTracer."""
        tracer = super().get_tracer(*args, **kwargs)
        try:
            if type(tracer) is Tracer:
                tracer.__class__ = LeanTracer  # the SDK creates and caches it inside its method
                cast("LeanTracer", tracer).bind(self)
        except Exception as error:
            guard.record_failure(error)
        return tracer

    def finish(self, span: LeanSpan) -> None:
        """Pass a lean span to processors that were added after its start."""
        span.bound_attributes()  # they expect the SDK's attributes
        self._active_span_processor._on_ending(span)
        self._active_span_processor.on_end(span)


def follows_parent(sampler: object) -> bool:
    """Return whether a span with a parent is sampled exactly if its parent is."""
    return _is_parent_based(sampler) and (
        sampler._remote_parent_sampled is sampler._local_parent_sampled is ALWAYS_ON
        and sampler._remote_parent_not_sampled is sampler._local_parent_not_sampled is ALWAYS_OFF
    )


def samples_all(sampler: object) -> bool:
    """Return whether every span without a parent is sampled."""
    return (sampler._root if _is_parent_based(sampler) else sampler) is ALWAYS_ON


def _is_parent_based(sampler: object) -> TypeGuard[ParentBased]:
    """Return whether the sampler is the SDK's ParentBased; a derived class may sample differently."""
    return isinstance(sampler, ParentBased) and type(sampler).should_sample is ParentBased.should_sample
