"""Spans of the core: what the SDK would send, and never an exception in the application."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import sampling as sdk
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from support.span_programs import LIMITS, Program, programs, recorded, through_core, through_sdk

from spanloom.core.spans.attributes import AttributeSet, Limits
from spanloom.core.spans.sampling import Sampler
from spanloom.core.spans.tracer import Scope

SCOPE = Scope("scope")
SAMPLERS = [
    (sdk.ALWAYS_ON, "always_on", None),
    (sdk.ALWAYS_OFF, "always_off", None),
    (sdk.DEFAULT_ON, "parentbased_always_on", None),
    (sdk.DEFAULT_OFF, "parentbased_always_off", None),
    *((sdk.TraceIdRatioBased(rate), "traceidratio", str(rate)) for rate in (0.0, 0.25, 0.5, 1.0)),
    (sdk.ParentBasedTraceIdRatio(0.5), "parentbased_traceidratio", "0.5"),
]
REMOTE = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(3))


@example(Program(REMOTE, SpanKind.SERVER, {}, [], [("child",)]), SAMPLERS[2], LIMITS)
@example(Program(None, SpanKind.SERVER, dict.fromkeys("abcdef", 1), [], []), SAMPLERS[2], LIMITS)
@given(program=programs, sampler=st.sampled_from(SAMPLERS), limits=st.sampled_from([Limits(), LIMITS]))
def test_any_program_makes_the_sdks_otlp(
    program: Program, sampler: tuple[sdk.Sampler, str, str | None], limits: Limits
) -> None:
    """Attributes, events, exceptions, links, status, limits, sampling, tracestate and flags are equal."""
    of_sdk, name, argument = sampler
    of_core = Sampler.from_name(name, argument)
    assert of_core is not None
    assert through_sdk(program, of_sdk, limits) == through_core(program, of_core, limits)


@given(trace_id=st.integers(1, 2**128 - 1), rate=st.floats(0, 1))
def test_a_ratio_samples_the_traces_that_the_sdk_samples(trace_id: int, rate: float) -> None:
    """Services with the SDK and with the core decide alike about a trace."""
    expected = sdk.TraceIdRatioBased(rate).should_sample(None, trace_id, "name").decision.is_sampled()
    assert (expected,) == tuple(
        found.samples(trace_id, "name") for found in [Sampler.from_name("traceidratio", str(rate))] if found
    )


def test_attributes_of_a_set_are_sent_with_those_of_the_span() -> None:
    """A shared set, deferred attributes and the span's own: the last value of a key counts."""
    found = recorded()
    shared = AttributeSet({"a": 1, "b": 1})
    span = found.telemetry.tracer(SCOPE).start("work", attributes=shared)
    span.defer_attributes(lambda value: ({"b": value}, {"c": value}), (2,))
    span.set_attribute("c", 3)
    span.end()
    assert {"a": 1, "b": 2, "c": 3} == dict(span.attributes)


def test_after_its_end_a_span_stays_as_it_is() -> None:
    """Changes that come too late change nothing; a second end enqueues nothing."""
    found = recorded()
    span = found.telemetry.tracer(SCOPE).start("work")
    span.end()
    before = found.body()
    for change in (
        lambda: span.set_attribute("late", 1), lambda: span.add_event("late"), lambda: span.update_name("late"),
        lambda: span.set_status(2), lambda: span.add_link(REMOTE), lambda: span.defer_attributes(list, ()), span.end,
    ):  # fmt: skip
        change()
    assert (1, before) == (len(found.spans), found.body())
