"""The same program through the SDK and through the core, each as decoded OTLP."""

from __future__ import annotations

from base64 import b64decode
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest import mock

from google.protobuf.json_format import MessageToDict
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource as SdkResource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

from spanloom.api.context import adopt_api
from spanloom.api.provider import Resource
from spanloom.core.spans import tracer
from spanloom.core.spans.attributes import Limits
from spanloom.core.telemetry import Options, Telemetry
from spanloom.sdk.span_redaction import RedactingExporter, patch_span_errors
from spanloom.sdk.switching_provider import SwitchingTracerProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.sdk.trace.sampling import Sampler as SdkSampler

    from spanloom.core.spans.sampling import Sampler

RESOURCE = {"service.name": "shop", "n": 1}
LIMITS = Limits(attributes=4, length=12, events=2, links=2, event_attributes=2, link_attributes=4)
SCOPE = ("scope", "1.0", "https://example.com/scope", {"a": True})
patch_span_errors()
adopt_api()


class CountingIds(IdGenerator):
    """The same ids in the same order, so that two runs agree."""

    def __init__(self) -> None:
        self._spans, self._traces = iter(range(1, 10_000)), iter(range(1, 10_000))

    def generate_span_id(self) -> int:
        return next(self._spans)

    def generate_trace_id(self) -> int:
        return next(self._traces) << 64

    def is_trace_id_random(self) -> bool:
        return True


def through_sdk(program: Callable[[trace.Tracer], None], sampler: SdkSampler, limits: Limits) -> list[Any]:
    """Return the spans that the SDK makes and encodes."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(
        sampler,
        SdkResource(RESOURCE),
        span_limits=_sdk_limits(limits),
        id_generator=CountingIds(),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(SimpleSpanProcessor(RedactingExporter(memory)))
    program(provider.get_tracer(*SCOPE))
    return decoded(encode_spans(memory.get_finished_spans()).SerializeToString())


def _sdk_limits(limits: Limits) -> SpanLimits:
    return SpanLimits(
        max_span_attributes=limits.attributes, max_events=limits.events, max_links=limits.links,
        max_event_attributes=limits.event_attributes, max_link_attributes=limits.link_attributes,
        max_attribute_length=None if limits.length == Limits().length else limits.length,
    )  # fmt: skip


@dataclass
class Recorded:
    """A process of the core whose spans stay where they are."""

    telemetry: Telemetry
    spans: list[Any]

    @property
    def api_tracer(self) -> trace.Tracer:
        """A tracer of the API."""
        return SwitchingTracerProvider(self.telemetry, Resource(RESOURCE), TracerProvider).get_tracer(*SCOPE)

    def body(self) -> bytes:
        """Return the request that the spans make."""
        return self.telemetry._encode_spans(self.spans)


def recorded(sampler: Sampler | None = None, limits: Limits | None = None) -> Recorded:
    """Return a core that exports nothing."""
    options: Mapping[str, Any] = {"sampler": sampler, "limits": limits}
    given = {key: value for key, value in options.items() if value is not None}
    telemetry = Telemetry(Options(lambda: RESOURCE, "test", **given))
    spans: list[Any] = []
    telemetry._spans.put = spans.append  # type: ignore[method-assign]
    return Recorded(telemetry, spans)


def through_core(program: Callable[[trace.Tracer], None], sampler: Sampler, limits: Limits) -> list[Any]:
    """Return the spans that the core makes and encodes."""
    found, ids = recorded(sampler, limits), CountingIds()
    with (
        mock.patch.object(tracer, "new_span_id", ids.generate_span_id),
        mock.patch.object(tracer, "new_trace_id", ids.generate_trace_id),
    ):
        program(found.api_tracer)
    return decoded(found.body())


def decoded(body: bytes) -> list[Any]:
    """Return every span with its resource and scope, in the order of ids."""
    request = MessageToDict(ExportTraceServiceRequest.FromString(body))
    found = [
        {**span, "in": [resource.get("resource"), scope.get("scope"), scope.get("schemaUrl")]}
        for resource in request.get("resourceSpans", [])
        for scope in resource.get("scopeSpans", [])
        for span in scope["spans"]
    ]
    return sorted(found, key=lambda span: b64decode(span["spanId"]))


texts = st.text(max_size=20)
plain_keys = st.sampled_from(["a", "b", "c", "d", "e", "f", ""])
keys = plain_keys | st.sampled_from(["url.full", "url.query", "http.target"])
values = st.one_of(
    texts, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.none(),
    st.binary(max_size=4), st.sampled_from(["https://u:p@host/a?q=1", 1, True, 0.0, -0.0]),
    st.lists(st.integers(0, 9), max_size=3), st.lists(texts, max_size=2), st.dictionaries(texts, texts, max_size=2),
    st.lists(st.dictionaries(texts, st.integers(0, 9), max_size=2), max_size=2), st.uuids(),
)  # fmt: skip
attributes = st.dictionaries(keys, values, max_size=6)
plain_attributes = st.dictionaries(plain_keys, values, max_size=6)  # the SDK's path redacts those of spans only
contexts = st.builds(
    SpanContext,
    st.integers(0, 2**128 - 1),
    st.integers(0, 2**64 - 1),
    st.booleans(),
    st.integers(0, 3).map(TraceFlags),
    st.sampled_from([TraceState(), TraceState([("k", "v"), ("l", "w")])]),
)
moments = st.integers(1, 2**62)
steps = st.one_of(
    st.tuples(st.just("set_attribute"), keys, values),
    st.tuples(st.just("set_attributes"), attributes),
    st.tuples(st.just("add_event"), texts, plain_attributes, moments),
    st.tuples(st.just("add_link"), contexts, plain_attributes),
    st.tuples(st.just("set_status"), st.sampled_from(StatusCode).map(Status)),
    st.tuples(st.just("set_status"), st.just(StatusCode.ERROR), texts),
    st.tuples(st.just("update_name"), texts),
    st.tuples(st.just("record_exception"), st.just(LookupError("gone")), plain_attributes, moments),
    st.tuples(st.just("end"), moments),
    st.tuples(st.just("child")),
)


@dataclass
class Program:
    """A root, perhaps below a remote parent, and what is done to it and to the children it gets."""

    parent: SpanContext | None
    kind: SpanKind
    begin: dict[str, Any]
    links: list[tuple[SpanContext, dict[str, Any]]]
    steps: list[tuple[Any, ...]]

    def __call__(self, tracer: trace.Tracer) -> None:
        context = trace.set_span_in_context(NonRecordingSpan(self.parent)) if self.parent else None
        links = [Link(*link) for link in self.links]
        spans = [tracer.start_span("root", context, self.kind, copy(self.begin), links, start_time=1)]
        for name, *arguments in self.steps:
            if name == "child":
                below = trace.set_span_in_context(spans[-1])
                spans.append(tracer.start_span("child", below, attributes={"a": 1}, start_time=2))
            else:
                getattr(spans[-1], name)(*arguments)
        for span in spans:
            span.end(9)


programs = st.builds(
    Program,
    st.none() | contexts,
    st.sampled_from(SpanKind),
    attributes,
    st.lists(st.tuples(contexts, plain_attributes), max_size=3),
    st.lists(steps, max_size=8),
)
