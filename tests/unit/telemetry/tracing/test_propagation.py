"""Context in and out of headers, against OpenTelemetry's own propagators."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from opentelemetry.trace.span import TraceState

from spanloom.tracing.propagation import _getter, extract, inject

hexadecimal = st.text("0123456789abcdef", min_size=1, max_size=3)
good = st.builds(
    "00-{:032x}-{:016x}-{:02x}".format, st.integers(0, 2**128 - 1), st.integers(0, 2**64 - 1), st.integers(0, 255)
)
odd = st.builds("{}-{:032x}-{:016x}-{}".format, hexadecimal, st.integers(0, 9), st.integers(0, 9), hexadecimal)
headers = st.lists(
    st.one_of(
        st.tuples(st.just(b"traceparent"), (good | odd | st.text("0-af ", max_size=60)).map(str.encode)),
        st.tuples(st.just(b"tracestate"), st.sampled_from([b"a=b", b"a=b,c=d", b"", b"=="])),
        st.tuples(st.just(b"baggage"), st.sampled_from([b"who=friend", b"a=1,b=2", b""])),
        st.tuples(st.just(b"user-agent"), st.just(b"x")),
    ),
    max_size=4,
)


def told(found: Context) -> tuple[object, ...]:
    span = trace.get_current_span(found).get_span_context()
    return tuple(span), dict(baggage.get_all(found))


@given(headers)
def test_any_headers_mean_what_the_propagators_say(carried: list[tuple[bytes, bytes]]) -> None:
    """Good, odd, repeated or missing: trace, flags, tracestate and baggage are those of the propagators."""
    expected = propagate.extract(carried, context=Context(), getter=_getter)
    assert told(expected) == told(extract(carried, dict(carried)))


@given(
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.integers(0, 255),
    st.sampled_from([TraceState(), TraceState([("a", "b")])]),
    st.dictionaries(st.sampled_from("ab"), st.sampled_from(["1", "2"])),
)
def test_any_context_is_sent_as_the_propagators_would(
    trace_id: int, span_id: int, flags: int, state: TraceState, carried: dict[str, str]
) -> None:
    """The headers written are those of the propagators, whatever there is to carry."""
    span = NonRecordingSpan(SpanContext(trace_id, span_id, False, TraceFlags(flags), state))
    here = trace.set_span_in_context(span, Context())
    for key, value in carried.items():
        here = baggage.set_baggage(key, value, here)
    expected: dict[str, str] = {}
    propagate.inject(expected, here)
    actual: dict[str, str] = {}
    token = context.attach(here)
    try:
        inject(actual, span)
    finally:
        context.detach(token)
    assert expected == actual


@pytest.mark.parametrize("propagators", [[], [W3CBaggagePropagator()]], ids=["none", "baggage"])
def test_who_chooses_other_propagators_gets_no_trace_context(
    propagators: list[TextMapPropagator], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `tracecontext` in OTEL_PROPAGATORS no `traceparent` is obeyed, and none is written."""
    monkeypatch.setattr(propagate, "_HTTP_TEXT_FORMAT", CompositePropagator(propagators))
    carried = [(b"traceparent", f"00-{1:032x}-{1:016x}-01".encode())]
    assert told(Context()) == told(extract(carried, dict(carried)))
    written: dict[str, str] = {}
    inject(written, NonRecordingSpan(SpanContext(1, 1, False)))
    assert {} == written
