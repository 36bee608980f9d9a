"""The lean way: spans that cost little, wherever nothing but OTLP is waiting for them.

The SDK's span makes locks, bounded lists and a copy of itself for processors to look at, and its exporter makes a
tree of protobuf messages, all at the cost of the requests. Where the only thing that happens to a span is that it
leaves by OTLP, a span here is a dictionary that is encoded when it ends, and a thread joins bytes and posts them.
Samplers, limits, ids, resource, queue and retries are the SDK's own, as is everything rare. As soon as any other
processor is added to the provider, spans are the SDK's again.
"""

from __future__ import annotations

import logging
import sys
from threading import Lock
from time import time_ns
from typing import TYPE_CHECKING, Any, cast

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.common._internal import _encode_instrumentation_scope, _encode_resource
from opentelemetry.sdk.trace import Span, Tracer, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Decision, ParentBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, TraceFlags

from spanloom.encode import encode_span, field
from spanloom.privacy import Scrubber

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link
    from opentelemetry.util.types import AnyValue, Attributes

    Item = tuple[Resource, InstrumentationScope, bytes]

log = logging.getLogger(__name__)

NUMBERS = frozenset({int, bool, float})
NOTHING: tuple[()] = ()
UNSET = Status()
FLAGS = [TraceFlags(number) for number in range(4)]
SAMPLED, RANDOM = TraceFlags.SAMPLED, TraceFlags.RANDOM_TRACE_ID


class LeanSpan(Span):
    """The SDK's span without what is made in advance: its attributes are a dictionary until they need a bound.

    Everything rare (events, links, limits, values that are not plain) is the SDK's own code, inherited.
    """

    def __init__(self, tracer: LeanTracer, name: str, context: SpanContext, parent: SpanContext | None) -> None:
        # Without the SDK's __init__: what it makes here costs more than the rest of a span's life.
        self._tracer, self._name, self._context, self._parent = tracer, name, context, parent
        self._instrumentation_scope = tracer._instrumentation_scope
        self._resource, self._limits = tracer.resource, tracer._span_limits
        self._attributes: Any = {}
        self._events: Any = NOTHING
        self._links: Any = NOTHING
        self._status = UNSET
        self._end_time = None
        self._lock = Lock()

    def set_attribute(self, key: str, value: AnyValue) -> None:
        """Set one attribute, as the SDK would."""
        self.set_attributes({key: value})

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        """Set several attributes, as the SDK would."""
        mine = self._attributes
        if mine.__class__ is dict and self._end_time is None and self._fit(attributes, len(mine)):
            for key in mine.keys() & attributes.keys() if mine else ():
                del mine[key]  # the SDK's order: by the last time a key was set
            mine.update(attributes)
        else:
            self._bound()
            super().set_attributes(attributes)

    def _fit(self, attributes: Mapping[str, AnyValue], already: int) -> bool:
        """Tell whether `attributes` can be kept as they are: plain values within every limit."""
        longest = self._tracer.longest_value
        for key, value in attributes.items():
            kind = value.__class__
            if not key or key.__class__ is not str:
                return False
            if not ((kind is str and len(cast("str", value)) <= longest) or kind in NUMBERS):
                return False
        return already + len(attributes) <= self._tracer.most_attributes

    def _bound(self) -> None:
        """Change over to the SDK's attributes, which clean values and drop the oldest."""
        if self._attributes.__class__ is dict:
            most, longest = self._limits.max_span_attributes, self._limits.max_span_attribute_length
            self._attributes = BoundedAttributes(most, self._attributes, immutable=False, max_value_len=longest)

    def _add_event(self, event: Any) -> None:
        if self._events is NOTHING:
            self._events = self._new_events()  # type: ignore[no-untyped-call]
        super()._add_event(event)

    def _add_link(self, link: Link) -> None:
        if self._links is NOTHING:
            self._links = self._new_links(())
        super()._add_link(link)

    def end(self, end_time: int | None = None) -> None:
        """End the span and hand over its bytes; a second time changes nothing."""
        if self._end_time is not None:
            log.warning("Calling end() on an ended span.")
            return
        self._end_time = time_ns() if end_time is None else end_time
        self._tracer.provider.finish(self)


class LeanTracer(Tracer):
    """The SDK's tracer, with a shorter way through `start_span` while its provider is lean."""

    provider: LeanTracerProvider
    most_attributes: int
    longest_value: int

    def belong_to(self, provider: LeanTracerProvider) -> None:
        """Take over the provider's state and its limits."""
        most, longest = self._span_limits.max_span_attributes, self._span_limits.max_span_attribute_length
        self.most_attributes = sys.maxsize if most is None else most
        self.longest_value = sys.maxsize if longest is None else longest
        self.provider = provider

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
        """Start a span, as the SDK would."""
        if not self.provider.is_lean or not self._tracer_config.is_enabled:
            rest = (start_time, record_exception, set_status_on_exception)
            return super().start_span(name, context, kind, attributes, links, *rest)
        parent: SpanContext | None = trace.get_current_span(context).get_span_context()
        if not parent or not parent.is_valid:
            parent = None
        own, recorded, attributes = self._sampled(parent, context, name, kind, attributes, links)
        if not recorded:
            return NonRecordingSpan(own)
        span = LeanSpan(self, name, own, parent)
        span._kind = kind  # the rest of its making
        if attributes:
            span.set_attributes(attributes)
        if links:
            span._links = span._new_links(links)
        span._start_time = time_ns() if start_time is None else start_time
        return span

    def _sampled(
        self, parent: SpanContext | None, context: Context | None, name: str, kind: SpanKind,
        attributes: Attributes, links: Sequence[Link] | None,
    ) -> tuple[SpanContext, bool, Attributes]:  # fmt: skip
        """Return the new span's context, whether it is recorded, and the attributes it begins with."""
        ids = self.id_generator
        if parent is not None:
            trace_id, random = parent.trace_id, parent.trace_flags & RANDOM
        else:
            trace_id, random = ids.generate_trace_id(), RANDOM if ids.is_trace_id_random() else 0
        if parent is not None and self.provider.follows_parent:
            # The flag first: for an unsampled request nothing else is done.
            sampled = parent.trace_flags & SAMPLED
            own = SpanContext(trace_id, ids.generate_span_id(), False, FLAGS[random | sampled], parent.trace_state)
            return own, bool(sampled), attributes
        result = self.sampler.should_sample(context, trace_id, name, kind, attributes, links or ())
        flags = FLAGS[random | (SAMPLED if result.decision is Decision.RECORD_AND_SAMPLE else 0)]
        own = SpanContext(trace_id, ids.generate_span_id(), False, flags, result.trace_state)
        return own, result.decision is not Decision.DROP, result.attributes


class LeanTracerProvider(TracerProvider):
    """The SDK's provider; lean while its spans go to one BytesProcessor and nowhere else."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.is_lean = False
        self.follows_parent = follows_parent(self.sampler)
        self._bytes: BytesProcessor | None = None

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Register a processor, and decide anew whether spans can be lean."""
        super().add_span_processor(span_processor)
        every = self._active_span_processor._span_processors
        ours = [one for one in every if type(one) is BytesProcessor]
        self._bytes = ours[0] if len(ours) == 1 else None
        self.is_lean = self._bytes is not None and {type(one) for one in every} <= {BytesProcessor, Scrubber}

    def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:
        """Return the SDK's tracer of that scope, made lean."""
        tracer = super().get_tracer(*args, **kwargs)
        if type(tracer) is Tracer:
            tracer.__class__ = LeanTracer  # it is made, and kept, deep in the SDK's method
            cast("LeanTracer", tracer).belong_to(self)
        return tracer

    def finish(self, span: LeanSpan) -> None:
        """Take a span that has ended: processors that came after its start see it, too."""
        if self.is_lean and self._bytes is not None:
            self._bytes.on_end(span)
        else:
            span._bound()  # processors expect the SDK's attributes
            self._active_span_processor._on_ending(span)
            self._active_span_processor.on_end(span)


def follows_parent(sampler: object) -> bool:
    """Tell whether a span with a parent is sampled just when its parent is."""
    return isinstance(sampler, ParentBased) and (
        sampler._remote_parent_sampled is sampler._local_parent_sampled is ALWAYS_ON
        and sampler._remote_parent_not_sampled is sampler._local_parent_not_sampled is ALWAYS_OFF
    )


class BytesProcessor(BatchSpanProcessor):
    """The SDK's batching processor, over spans that are encoded as they end."""

    def __init__(self, exporter: OTLPSpanExporter) -> None:
        super().__init__(BytesExporter(exporter))

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a sampled span's bytes."""
        if span._context.trace_flags & SAMPLED:  # type: ignore[union-attr]
            item = (span._resource, span._instrumentation_scope, field(b"\x12", encode_span(span)))
            self._batch_processor.emit(item)  # type: ignore[arg-type] # the queue does not look inside


class BytesExporter(SpanExporter):
    """Joins encoded spans to OTLP requests and posts them as the SDK's exporter would: same client, same retries."""

    def __init__(self, exporter: OTLPSpanExporter) -> None:
        self._exporter = exporter
        self._heads: dict[int, tuple[object, bytes]] = {}

    def export(self, batch: Sequence[Item]) -> SpanExportResult:  # type: ignore[override] # bytes, not spans
        """Post one batch."""
        delivered = self._exporter._client.export(self.request(batch)).success
        return SpanExportResult.SUCCESS if delivered else SpanExportResult.FAILURE

    def request(self, batch: Sequence[Item]) -> bytes:
        """Return the ExportTraceServiceRequest of a batch, spans by resource and scope."""
        groups: dict[int, dict[int, list[Item]]] = {}
        for item in batch:
            groups.setdefault(id(item[0]), {}).setdefault(id(item[1]), []).append(item)
        return b"".join(field(b"\x0a", self._resource_spans(scopes)) for scopes in groups.values())

    def _resource_spans(self, scopes: Mapping[int, list[Item]]) -> bytes:
        parts = [field(b"\x12", self._scope_spans(items)) for items in scopes.values()]
        resource = next(iter(scopes.values()))[0][0]
        schema = field(b"\x1a", resource.schema_url.encode()) if resource.schema_url else b""
        return self._head(resource, _encode_resource) + b"".join(parts) + schema

    def _scope_spans(self, items: list[Item]) -> bytes:
        scope = items[0][1]
        schema = field(b"\x1a", scope.schema_url.encode()) if scope.schema_url else b""
        return self._head(scope, _encode_instrumentation_scope) + b"".join(item[2] for item in items) + schema

    def _head(self, owner: Any, encode: Any) -> bytes:
        """Return a resource's or a scope's own bytes; there are few of them, so each is encoded once."""
        if id(owner) not in self._heads:
            self._heads[id(owner)] = (owner, field(b"\x0a", encode(owner).SerializeToString()))
        return self._heads[id(owner)][1]

    def shutdown(self) -> None:
        """Stop sending."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is kept here."""
        return True
