"""The lean way: spans that cost little, wherever nothing but OTLP is waiting for them.

The SDK's span makes locks, bounded lists and a copy of itself for processors to look at, and its exporter makes a
tree of protobuf messages, all at the cost of the requests. Where the only thing that happens to a span is that it
leaves by OTLP, a span here is a dictionary, and the thread that posts a batch writes its bytes.
Samplers, limits, ids, resource, queue and retries are the SDK's own, as is everything rare. As soon as any other
processor is added to the provider, spans are the SDK's again.
"""

from __future__ import annotations

import logging
import os
import sys
from functools import partial
from random import getrandbits
from threading import Lock, RLock
from time import time_ns
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.common._internal import _encode_instrumentation_scope, _encode_resource
from opentelemetry.sdk.trace import Span, Tracer, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Decision, ParentBased
from opentelemetry.trace import DEFAULT_TRACE_STATE, NonRecordingSpan, SpanContext, SpanKind, Status, TraceFlags

from spanloom.current import FLAGS, SPAN, Dropped, get_current, new_context
from spanloom.encode import encode_span, field
from spanloom.known import NOTHING, Known
from spanloom.privacy import Scrubber

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk._shared_internal import BatchProcessor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor
    from opentelemetry.sdk.trace.sampling import Sampler
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link
    from opentelemetry.util.types import AnyValue, Attributes

    Make = Callable[..., Iterable[Mapping[str, AnyValue]]]
    Later = tuple[Make, tuple[object, ...], "Later | None"]

log = logging.getLogger(__name__)

NUMBERS = frozenset({int, bool, float})
UNSET = Status()
SAMPLED, RANDOM = TraceFlags.SAMPLED, TraceFlags.RANDOM_TRACE_ID
INHERITED = SAMPLED | RANDOM
# A span that has ended is told to the thread that exports it, and to whoever still holds it.
TELLING = RLock()
os.register_at_fork(after_in_child=TELLING._at_fork_reinit)  # type: ignore[attr-defined]


class LeanSpan(Span):
    """The SDK's span without what is made in advance: its attributes are a dictionary until they need a bound.

    Everything rare (events, links, limits, values that are not plain) is the SDK's own code, inherited. It is made
    without the SDK's __new__ and __init__, which cost more than the rest of a span's life; what most spans never
    change is the class's.
    """

    _tracer: LeanTracer
    _events: Any = ()
    _links: Any = ()
    _status = UNSET
    _end_time = None
    _record_exception = _set_status_on_exception = True
    _instrumentation_info = _trace_config = _record_end_metrics = None  # what the SDK has for others
    known: Known = NOTHING  # attributes it has in common with others; `own` are the rest
    own: Any
    later: Later | None = None  # what returns the attributes that were put off, of what, and what came before

    def told(self) -> tuple[Any, Known]:
        """Return its own attributes, those that were put off included, and those it has in common with others."""
        with TELLING:
            if self.later is not None:
                later, self.later = self.later, None
                self._resolve(*later)
            return self.own, self.known

    def put_off(self, make: Make, values: tuple[object, ...]) -> None:
        """Take attributes as `describe_later` does; what is set after them comes after them."""
        if self._end_time is None:
            self.later = (make, values, self.later)

    def _resolve(self, make: Make, values: tuple[object, ...], before: Later | None) -> None:
        if before is not None:
            self._resolve(*before)
        try:
            for attributes in make(*values):
                self._add(attributes)
        except Exception:  # the span has others, and is worth more than these
            log.exception("attributes of span %s cannot be told", self._name)

    def _add(self, attributes: Mapping[str, AnyValue]) -> None:
        """Set attributes, which `set_attributes` would refuse as the span has ended."""
        if self.own.__class__ is not dict or not self._keep(attributes):
            self._bound()
            for key, value in attributes.items():
                self.own[key] = value

    @property
    def _attributes(self) -> Any:
        """All attributes, as the SDK's code expects them: in one."""
        with TELLING:
            own, known = self.told()
            if known:
                self.own, self.known = {**known, **own}, NOTHING
            return self.own

    @_attributes.setter
    def _attributes(self, attributes: Any) -> None:
        self.own, self.known = attributes, NOTHING

    @property
    def _lock(self) -> Any:  # type: ignore[override] # made when the SDK asks for it, which is rare
        return self.__dict__.setdefault("lock", Lock())  # two threads that ask at once get the same

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
        """Give the span another name, as the SDK would."""
        if self._end_time is None:
            self._name = name
        else:
            super().update_name(name)

    def set_attribute(self, key: str, value: AnyValue) -> None:
        """Set one attribute, as the SDK would."""
        self.set_attributes({key: value})

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        """Set several attributes, as the SDK would."""
        if self._end_time is not None:
            super().set_attributes(attributes)  # refuses
            return
        if self.later is not None:
            self.told()
        if self.own.__class__ is not dict or not self._keep(attributes):
            self._bound()
            super().set_attributes(attributes)

    def _keep(self, attributes: Mapping[str, AnyValue]) -> bool:
        """Keep attributes as they are, and tell whether that is possible."""
        own, known = self.own, self.known
        if attributes.__class__ is Known and not own and not known and self._tracer.allows(attributes):
            self.known = attributes
        elif self._fit(attributes):
            mine = self._attributes if known and not known.keys().isdisjoint(attributes) else own
            for key in mine.keys() & attributes.keys() if mine else ():
                del mine[key]  # the SDK's order: by the last time a key was set
            mine.update(attributes)
        else:
            return False
        return True

    def _fit(self, attributes: Mapping[str, AnyValue]) -> bool:
        """Tell whether `attributes` can be kept as they are: plain values within every limit."""
        longest = self._tracer.longest_value
        for key, value in attributes.items():
            kind = value.__class__
            if not key or key.__class__ is not str:
                return False
            if not ((kind is str and len(value) <= longest) or kind in NUMBERS):  # type: ignore[arg-type]
                return False
        return len(self.known) + len(self.own) + len(attributes) <= self._tracer.most_attributes

    def _bound(self) -> None:
        """Change over to the SDK's attributes, which clean values and drop the oldest."""
        if self._attributes.__class__ is dict:
            most, longest = self._limits.max_span_attributes, self._limits.max_span_attribute_length
            self._attributes = BoundedAttributes(most, self._attributes, immutable=False, max_value_len=longest)

    def _add_event(self, event: Any) -> None:
        if self._events.__class__ is tuple:
            self._events = self._new_events()  # type: ignore[no-untyped-call]
        super()._add_event(event)

    def _add_link(self, link: Link) -> None:
        if self._links.__class__ is tuple:
            self._links = self._new_links(())
        super()._add_link(link)

    def end(self, end_time: int | None = None) -> None:
        """End the span and hand it over; a second time changes nothing."""
        if self._end_time is not None:
            log.warning("Calling end() on an ended span.")
            return
        self._end_time = time_ns() if end_time is None else end_time
        provider = self._tracer.provider
        if provider.queue is None:
            provider.finish(self)
        elif self._context[3] & SAMPLED:  # type: ignore[index] # never None
            provider.queue.emit(self)


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
        ids = self.id_generator
        self.new_span_id = partial(getrandbits, 64) if type(ids) is RandomIdGenerator else ids.generate_span_id
        self.provider = provider

    def allows(self, known: Known) -> bool:
        """Tell whether these attributes are within every limit."""
        return known.longest <= self.longest_value and len(known) <= self.most_attributes

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
        provider = self.provider
        usual = record_exception and set_status_on_exception and self._tracer_config.is_enabled
        if provider.queue is None or not usual:
            rest = (start_time, record_exception, set_status_on_exception)
            return super().start_span(name, context, kind, attributes, links, *rest)
        parent = parent_of(get_current() if context is None else context)
        if parent is not None and provider.follows_parent:
            # The flag first: for an unsampled request nothing else is done.
            trace_id, _, _, flags, state, _ = parent
            span_id = self.new_span_id() or self.id_generator.generate_span_id()  # 0 is none
            own = new_context((trace_id, span_id, False, FLAGS[flags & INHERITED], state, True))
            if not flags & SAMPLED:
                return Dropped(own)
        else:
            own, recorded, attributes = self._sampled(parent, context, name, kind, attributes, links)
            if not recorded:
                return Dropped(own) if provider.follows_parent else NonRecordingSpan(own)
        span: LeanSpan = object.__new__(LeanSpan)
        span._tracer, span._name, span._context, span._parent, span._kind = self, name, own, parent, kind
        span.own = {}
        if attributes.__class__ is Known and self.allows(attributes):
            span.known = attributes
        elif attributes:
            span.set_attributes(attributes)
        if links:
            span._links = span._new_links(links)
        span._start_time = time_ns() if start_time is None else start_time
        return span

    def _sampled(
        self, parent: SpanContext | None, context: Context | None, name: str, kind: SpanKind,
        attributes: Attributes, links: Sequence[Link] | None,
    ) -> tuple[SpanContext, bool, Attributes]:  # fmt: skip
        """Ask the sampler: the new span's context, whether it is recorded, and the attributes it begins with."""
        ids = self.id_generator
        if parent is None and self.provider.takes_all:
            flags = FLAGS[SAMPLED | (RANDOM if ids.is_trace_id_random() else 0)]
            own = (ids.generate_trace_id(), ids.generate_span_id(), False, flags, DEFAULT_TRACE_STATE, True)
            return new_context(own), True, attributes
        if parent is not None:
            trace_id, random = parent.trace_id, parent.trace_flags & RANDOM
        else:
            trace_id, random = ids.generate_trace_id(), RANDOM if ids.is_trace_id_random() else 0
        result = self.sampler.should_sample(context, trace_id, name, kind, attributes, links or ())
        flags = FLAGS[random | (SAMPLED if result.decision is Decision.RECORD_AND_SAMPLE else 0)]
        own = SpanContext(trace_id, ids.generate_span_id(), False, flags, result.trace_state)
        return own, result.decision is not Decision.DROP, result.attributes


def parent_of(context: Context) -> SpanContext | None:
    """Return the context of the current span, None when there is none or it is invalid."""
    span: Any = context.get(SPAN)
    if span is None:
        return None
    if span.__class__ is LeanSpan:
        return span._context  # always valid
    if span.__class__ is NonRecordingSpan:
        return parent if (parent := span._context) and parent[5] else None
    span = trace.get_current_span(context)  # which takes anything for a span that is one
    return parent if (parent := span.get_span_context()) and parent.is_valid else None


class LeanTracerProvider(TracerProvider):
    """The SDK's provider; lean while its spans go to one BytesProcessor and nowhere else."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.queue: BatchProcessor[ReadableSpan] | None = None  # while it is lean: of the one processor
        self.follows_parent = follows_parent(self.sampler)
        self.takes_all = takes_all(self.sampler)

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Register a processor, and decide anew whether spans can be lean."""
        super().add_span_processor(span_processor)
        every = self._active_span_processor._span_processors
        ours = [one for one in every if type(one) is BytesProcessor]
        lean = len(ours) == 1 and {type(one) for one in every} <= {BytesProcessor, Scrubber}
        self.queue = ours[0]._batch_processor if lean else None

    def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:
        """Return the SDK's tracer of that scope, made lean."""
        tracer = super().get_tracer(*args, **kwargs)
        if type(tracer) is Tracer:
            tracer.__class__ = LeanTracer  # it is made, and kept, deep in the SDK's method
            cast("LeanTracer", tracer).belong_to(self)
        return tracer

    def finish(self, span: LeanSpan) -> None:
        """Give a span that began lean to the processors that came after its start."""
        span._bound()  # they expect the SDK's attributes
        self._active_span_processor._on_ending(span)
        self._active_span_processor.on_end(span)


def follows_parent(sampler: object) -> bool:
    """Tell whether a span with a parent is sampled just when its parent is."""
    return _by_parent(sampler) and (
        sampler._remote_parent_sampled is sampler._local_parent_sampled is ALWAYS_ON
        and sampler._remote_parent_not_sampled is sampler._local_parent_not_sampled is ALWAYS_OFF
    )


def takes_all(sampler: object) -> bool:
    """Tell whether every span without a parent is sampled."""
    return (sampler._root if _by_parent(sampler) else sampler) is ALWAYS_ON


def _by_parent(sampler: object) -> TypeGuard[ParentBased]:
    """Tell whether the parent decides; a class derived from the SDK's may do otherwise."""
    return isinstance(sampler, ParentBased) and type(sampler).should_sample is ParentBased.should_sample


class BytesProcessor(BatchSpanProcessor):
    """The SDK's batching processor, its batches encoded without a protobuf message for each span."""

    def __init__(self, exporter: OTLPSpanExporter) -> None:
        super().__init__(BytesExporter(exporter))


class BytesExporter(SpanExporter):
    """Encodes spans to OTLP requests and posts them as the SDK's exporter would: same client, same retries."""

    def __init__(self, exporter: OTLPSpanExporter) -> None:
        self._exporter = exporter
        self._heads: dict[int, tuple[object, bytes]] = {}

    def export(self, batch: Sequence[ReadableSpan]) -> SpanExportResult:
        """Post one batch."""
        delivered = self._exporter._client.export(self.request(batch)).success
        return SpanExportResult.SUCCESS if delivered else SpanExportResult.FAILURE

    def request(self, batch: Sequence[ReadableSpan]) -> bytes:
        """Return the ExportTraceServiceRequest of a batch, spans by resource and scope."""
        groups: dict[int, dict[int, list[ReadableSpan]]] = {}
        for span in batch:
            groups.setdefault(id(span._resource), {}).setdefault(id(span._instrumentation_scope), []).append(span)
        return b"".join(field(b"\x0a", self._resource_spans(scopes)) for scopes in groups.values())

    def _resource_spans(self, scopes: Mapping[int, list[ReadableSpan]]) -> bytes:
        parts = [field(b"\x12", self._scope_spans(spans)) for spans in scopes.values()]
        resource = next(iter(scopes.values()))[0]._resource
        schema = field(b"\x1a", resource.schema_url.encode()) if resource.schema_url else b""
        return self._head(resource, _encode_resource) + b"".join(parts) + schema

    def _scope_spans(self, spans: list[ReadableSpan]) -> bytes:
        scope = cast("InstrumentationScope", spans[0]._instrumentation_scope)
        schema = field(b"\x1a", scope.schema_url.encode()) if scope.schema_url else b""
        return self._head(scope, _encode_instrumentation_scope) + b"".join(map(_encoded, spans)) + schema

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


def _encoded(span: ReadableSpan) -> bytes:
    """Return one span of a ScopeSpans message; what cannot be encoded is left out, the others are not."""
    try:
        if type(span) is LeanSpan:
            return field(b"\x12", encode_span(span, *span.told()))
        # None when all were dropped, and counted.
        return field(b"\x12", encode_span(span, {} if span._attributes is None else span._attributes))
    except Exception:
        log.exception("span %s cannot be encoded", span._name)
        return b""
