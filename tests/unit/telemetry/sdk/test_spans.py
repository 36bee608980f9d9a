"""The lean way tells what the SDK tells: the same programs through both, and the decoded OTLP compared."""

import os
from base64 import b64decode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, field
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_ON,
    AlwaysRecordSampler,
    ParentBased,
    ParentBasedTraceIdRatio,
    Sampler,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

from spanloom import instrument
from spanloom.sdk import encode
from spanloom.sdk import span as lean
from spanloom.sdk.exporter import LeanProcessor
from spanloom.sdk.span_redaction import RedactingProcessor, patch_span_errors
from spanloom.sdk.span import LeanSpan
from spanloom.sdk.tracer import LeanTracerProvider
from spanloom.tracing import guard
from spanloom.tracing.context import DroppedSpan
from spanloom.tracing.shared_attributes import AttributeSet, defer_attributes

RESOURCE = Resource({"service.name": "shop", "n": 1}, "https://example.com/schema")
LIMITS = SpanLimits(max_span_attributes=4, max_events=2, max_links=2, max_event_attributes=2, max_attribute_length=12)


class Counting(IdGenerator):
    """The same ids in the same order, so that two providers agree."""

    def __init__(self) -> None:
        self._spans, self._traces = iter(range(1, 10_000)), iter(range(1, 10_000))

    def generate_span_id(self) -> int:
        return next(self._spans)

    def generate_trace_id(self) -> int:
        return next(self._traces) << 64

    def is_trace_id_random(self) -> bool:
        return True


@dataclass
class Kept:
    """What the queue was given, instead of a thread that posts it."""

    items: list[Any] = field(default_factory=list)

    def emit(self, item: Any) -> None:
        self.items.append(item)


def through_sdk(program: Callable[[trace.Tracer], None], sampler: Sampler, limits: SpanLimits) -> list[Any]:
    memory = InMemorySpanExporter()
    options = {"resource": RESOURCE, "sampler": sampler, "span_limits": limits, "id_generator": Counting()}
    provider = TracerProvider(**options, shutdown_on_exit=False)
    provider.add_span_processor(RedactingProcessor())
    provider.add_span_processor(SimpleSpanProcessor(memory))
    program(provider.get_tracer("scope", "1.0", "https://example.com/scope", {"a": True}))
    return decoded(encode_spans(memory.get_finished_spans()).SerializeToString())


def lean_provider(sampler: Sampler = DEFAULT_ON, limits: SpanLimits | None = None) -> tuple[LeanTracerProvider, Kept]:
    options = {"resource": RESOURCE, "sampler": sampler, "span_limits": limits, "id_generator": Counting()}
    provider, kept = LeanTracerProvider(**options, shutdown_on_exit=False), Kept()
    processor = LeanProcessor(OTLPSpanExporter())
    processor.shutdown()
    kept.request = processor.span_exporter.request
    processor._batch_processor = kept
    provider.add_span_processor(RedactingProcessor())
    provider.add_span_processor(processor)
    return provider, kept


def through_lean(program: Callable[[trace.Tracer], None], sampler: Sampler, limits: SpanLimits) -> list[Any]:
    provider, kept = lean_provider(sampler, limits)
    program(provider.get_tracer("scope", "1.0", "https://example.com/scope", {"a": True}))
    return decoded(kept.request(kept.items))


def decoded(body: bytes) -> list[Any]:
    """Return every span with its resource and scope, in the order of ids."""
    request = MessageToDict(ExportTraceServiceRequest.FromString(body))
    found = [
        {
            **span,
            "in": [resource.get("resource"), resource.get("schemaUrl"), scope.get("scope"), scope.get("schemaUrl")],
        }
        for resource in request.get("resourceSpans", [])
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    return sorted(found, key=lambda span: b64decode(span["spanId"]))


patch_span_errors()
texts = st.text(max_size=20)
keys = st.sampled_from(["a", "b", "c", "d", "e", "f", "url.full", "url.query", "http.target", ""])
values = st.one_of(
    texts, st.booleans(), st.integers(), st.floats(allow_nan=False), st.none(), st.binary(max_size=4),
    st.sampled_from(["https://u:p@host/a?q=1", 1, True, 0.0, -0.0, 2**63, -(2**63)]),
    st.lists(st.integers(0, 9), max_size=3), st.lists(texts, max_size=2), st.dictionaries(texts, texts, max_size=2),
)  # fmt: skip
attributes = st.dictionaries(keys, values, max_size=6)
known = st.dictionaries(keys.filter(bool), texts | st.integers(-(2**63), 2**63 - 1), max_size=6).map(AttributeSet)
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
    st.tuples(st.just("set_attributes"), attributes | known),
    st.tuples(st.just("defer_attributes"), attributes | known, attributes | known),
    st.tuples(st.just("add_event"), texts, attributes, moments),
    st.tuples(st.just("add_link"), contexts, attributes),
    st.tuples(st.just("set_status"), st.sampled_from(StatusCode).map(Status)),
    st.tuples(st.just("set_status"), st.just(StatusCode.ERROR), texts),
    st.tuples(st.just("update_name"), texts),
    st.tuples(st.just("record_exception"), st.just(LookupError("gone")), attributes, moments),
    st.tuples(st.just("end"), moments),
    st.tuples(st.just("child")),
)


class NoChildren(ParentBased):
    """A sampler with a will of its own."""

    def should_sample(self, parent: Any, trace_id: int, name: str, *rest: Any) -> Any:
        return (ALWAYS_OFF if name == "child" else ALWAYS_ON).should_sample(parent, trace_id, name, *rest)


samplers = st.sampled_from(
    [
        DEFAULT_ON, ALWAYS_ON, ALWAYS_OFF, TraceIdRatioBased(0.5), ParentBasedTraceIdRatio(0.5),
        AlwaysRecordSampler(ALWAYS_OFF), ParentBased(ALWAYS_ON, local_parent_sampled=ALWAYS_OFF),
        NoChildren(ALWAYS_ON), NoChildren(ALWAYS_OFF),
    ]
)  # fmt: skip


@dataclass
class Program:
    """A root, perhaps below a caller's span, and what is done to it and to the children it gets."""

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
            elif name == "defer_attributes":
                defer_attributes(spans[-1], lambda *later: later, *arguments)
            else:
                getattr(spans[-1], name)(*arguments)
        for span in spans:
            span.end(9)


programs = st.builds(
    Program,
    st.none() | contexts,
    st.sampled_from(SpanKind),
    attributes | known,
    st.lists(st.tuples(contexts, attributes), max_size=3),
    st.lists(steps, max_size=8),
)


def beginning(attributes: AttributeSet, *steps: tuple[Any, ...]) -> Program:
    return Program(None, SpanKind.INTERNAL, attributes, [], list(steps))


DEFERRED = beginning(
    AttributeSet({}), ("defer_attributes", AttributeSet({"a": 1}), AttributeSet({"b": 1})), ("set_attribute", "a", 2)
)


@example(DEFERRED, DEFAULT_ON, LIMITS)
@example(beginning(AttributeSet(dict.fromkeys("abcdef", 1))), DEFAULT_ON, LIMITS)
@example(beginning(AttributeSet({"a": "longer than allowed"})), DEFAULT_ON, LIMITS)
@given(program=programs, sampler=samplers, limits=st.sampled_from([SpanLimits(), LIMITS]))
def test_any_program_makes_the_same_otlp(program: Program, sampler: Sampler, limits: SpanLimits) -> None:
    """Attributes, events, exceptions, links, status, limits, sampling, tracestate, flags: everything is equal."""
    assert through_sdk(program, sampler, limits) == through_lean(program, sampler, limits)


def test_spans_are_lean_as_long_as_nobody_else_looks() -> None:
    """Another processor makes the next spans the SDK's, and it sees also those that were lean when they began."""
    provider, kept = lean_provider()
    tracer = provider.get_tracer("t")
    before = tracer.start_span("before")
    memory = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    after = tracer.start_span("after", attributes={"url.full": "http://host/?secret"})
    before.end()
    after.end()
    assert (True, False) == (isinstance(before, LeanSpan), isinstance(after, LeanSpan))
    assert ["before", "after"] == [span.name for span in memory.get_finished_spans()]
    assert "http://host/" == memory.get_finished_spans()[1].attributes["url.full"]
    assert 2 == len(decoded(kept.request(kept.items)))


def test_a_lean_span_is_a_readable_span_of_the_sdk() -> None:
    """Code that looks at spans (name, attributes, parent, times, resource) finds what it expects."""
    provider, _ = lean_provider()
    span = provider.get_tracer("t").start_span("work", kind=SpanKind.CLIENT, attributes={"a": 1})
    span.add_event("seen")
    assert ("work", SpanKind.CLIENT, {"a": 1}, RESOURCE) == (span.name, span.kind, dict(span.attributes), span.resource)
    assert (True, None, ["seen"]) == (span.is_recording(), span.parent, [event.name for event in span.events])
    span.end()
    assert not span.is_recording()


def test_after_its_end_a_span_stays_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    """What comes too late is told and changes nothing; a second end neither."""
    provider, kept = lean_provider()
    span = provider.get_tracer("t").start_span("work")
    span.end()
    span.set_attribute("late", 1)
    span.add_event("late")
    span.end()
    assert 1 == len(kept.items)
    assert {} == dict(span.attributes)
    assert "Calling end() on an ended span." in caplog.text


def test_what_was_put_off_is_there_for_whoever_asks() -> None:
    """Attributes that are asked for late are seen by code that looks at the span, before and after its end."""
    provider, kept = lean_provider()
    tracer = provider.get_tracer("t")
    spans = [tracer.start_span("work", attributes=AttributeSet({"a": 1})) for _ in range(3)]
    for span in spans:
        defer_attributes(span, lambda *values: ({"b": value} for value in values), 2)
        defer_attributes(span, lambda *values: ({"c": value} for value in values), 3)
    expected = {"a": 1, "b": 2, "c": 3}
    assert expected == dict(spans[0].attributes)
    for span in spans:
        span.end()
    assert expected == dict(spans[1].attributes)
    for span in decoded(kept.request(kept.items)):
        assert expected == {one["key"]: int(one["value"]["intValue"]) for one in span["attributes"]}


def test_arguments_are_told_as_they_were_at_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """What can change after it was passed does not wait; what cannot, may."""
    provider, kept = lean_provider()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)

    @instrument
    def empty(cart: list[str], owner: UUID) -> None:
        cart.clear()

    owner = UUID(int=1)
    empty(["egg"], owner)
    [span] = kept.items
    assert {"cart": "['egg']", "owner": str(owner)}.items() <= dict(span.attributes).items()


def test_a_child_process_can_tell_its_spans() -> None:
    """A process forked while another thread was telling a span does not wait for that thread, which it has not."""
    holds, done = Event(), Event()

    def hold() -> None:
        with lean.RESOLVING:
            holds.set()
            done.wait()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(hold)
        holds.wait()
        child = os.fork()
        if not child:
            os._exit(0 if lean.RESOLVING.acquire(timeout=10) else 1)
        done.set()
    assert 0 == os.waitpid(child, 0)[1]


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Return a function that returns what was reported on standard error since its last call."""
    monkeypatch.setattr(guard, "_reported", set())
    return lambda: capsys.readouterr().err


def test_a_span_that_cannot_be_encoded_costs_no_other(reports: Callable[[], str]) -> None:
    """It is left out and named, in one line for all of its kind; the rest of the batch leaves."""
    provider, kept = lean_provider()
    tracer = provider.get_tracer("t")
    bad, good = tracer.start_span(b"bad"), tracer.start_span("good")
    bad.end()
    good.end()
    assert ["good"] == [span["name"] for span in decoded(kept.request(kept.items))]
    assert reports().startswith("spanloom: dropped the span b'bad': ")
    kept.request(kept.items)
    assert "" == reports()


def test_attributes_that_cannot_be_built_cost_no_others(reports: Callable[[], str]) -> None:
    """They are left out and their span is named; those before and after them leave with it."""
    provider, kept = lean_provider()
    span = provider.get_tracer("t").start_span("work")
    defer_attributes(span, lambda: ({"a": 1},))
    defer_attributes(span, lambda: 1 / 0)
    defer_attributes(span, lambda: ({"b": 1},))
    span.end()
    [sent] = decoded(kept.request(kept.items))
    assert ["a", "b"] == [one["key"] for one in sent["attributes"]]
    assert reports().startswith("spanloom: dropped a group of attributes of the span 'work': ")


@pytest.mark.parametrize("record", [True, False])
@pytest.mark.parametrize("mark", [True, False])
def test_a_span_ends_with_its_block(record: bool, mark: bool) -> None:
    """`with tracer.start_span(…)`: what is raised leaves unchanged, and is on the span as the SDK would tell it."""
    found = []
    for provider in (lean_provider()[0], TracerProvider()):
        with (
            pytest.raises(LookupError),
            provider.get_tracer("t").start_span("work", record_exception=record, set_status_on_exception=mark) as span,
        ):
            raise LookupError("gone")
        found.append((span.is_recording(), [event.name for event in span.events], span.status.description))
    assert found[1] == found[0]


def test_a_lean_span_has_everything_that_the_sdks_own_has() -> None:
    """Code of the SDK, inherited, finds every field."""
    lean, sdk = lean_provider()[0].get_tracer("t").start_span("a"), TracerProvider().get_tracer("t").start_span("a")
    assert set() == {name for name in vars(sdk) if not hasattr(lean, name)}


@pytest.mark.parametrize("remote", [True, False])
@pytest.mark.parametrize(
    ("sampler", "expected"),
    [(ParentBased(ALWAYS_OFF), DroppedSpan), (ParentBasedTraceIdRatio(0), DroppedSpan), (ALWAYS_OFF, NonRecordingSpan)],
)
def test_only_a_sampler_that_follows_the_parent_drops_for_good(sampler: Sampler, expected: type, remote: bool) -> None:
    """Below an unsampled span of such a sampler no hook need look; below one of any other a span may be sampled."""
    provider, _ = lean_provider(sampler)
    parent = NonRecordingSpan(SpanContext(7, 7, is_remote=True, trace_flags=TraceFlags(0)))
    context = trace.set_span_in_context(parent) if remote else Context()
    assert expected is type(provider.get_tracer("t").start_span("work", context))


def test_what_otlp_cannot_carry_is_left_out_alone(reports: Callable[[], str]) -> None:
    """One attribute that cannot be encoded does not cost the span its others."""
    provider, kept = lean_provider()
    provider.get_tracer("t").start_span("work", attributes={"bad": 2**70, "good": 1}).end()
    [span] = decoded(kept.request(kept.items))
    assert ["good"] == [attribute["key"] for attribute in span["attributes"]]
    assert reports().startswith("spanloom: dropped the attribute 'bad': ")


def test_half_a_character_is_told_by_its_number() -> None:
    """Text that is no UTF-8 (PEP 383) disturbs neither the application nor the rest of the span."""
    provider, kept = lean_provider()
    span = provider.get_tracer("t").start_span("n\udc80", attributes={"k\udc80": "v\udc80"})
    span.add_event("e\udc80")
    span.set_status(StatusCode.ERROR, "s\udc80")
    span.end()
    [span] = decoded(kept.request(kept.items))
    [attribute], [event] = span["attributes"], span["events"]
    assert (r"n\udc80", r"e\udc80", r"s\udc80") == (span["name"], event["name"], span["status"]["message"])
    assert (r"k\udc80", r"v\udc80") == (attribute["key"], attribute["value"]["stringValue"])


def test_long_values_are_not_kept() -> None:
    """A text that is long is encoded each time rather than remembered."""
    provider, kept = lean_provider()
    provider.get_tracer("t").start_span("n" * 9_999, attributes={"long": "v" * 9_999}).end()
    [span] = decoded(kept.request(kept.items))
    assert "n" * 9_999 == span["name"]
    assert ("long", "v" * 9_999) not in encode._texts
    assert "n" * 9_999 not in encode._names


def test_keys_and_values_without_end_are_not_kept_without_end() -> None:
    """What is remembered of keys and values is bounded, and what is not remembered is encoded all the same."""
    provider, kept = lean_provider()
    tracer = provider.get_tracer("t")
    for number in range(3000):
        tracer.start_span(f"name {number}", attributes={f"key {number}": "v", "number": number}).end()
    spans = decoded(kept.request(kept.items))
    assert [{"intValue": str(number)} for number in range(3000)] == [
        attribute["value"] for span in spans for attribute in span["attributes"] if attribute["key"] == "number"
    ]
    assert [f"name {number}" for number in range(3000)] == [span["name"] for span in spans]


@pytest.fixture(autouse=True)
def _no_key_outlives_a_test() -> None:
    """Forget what was encoded, so that each test meets new keys."""
    for remembered in (encode._names, encode._texts, encode._numbers, encode._cached_per_key):
        remembered.clear()
