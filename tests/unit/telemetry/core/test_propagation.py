"""Trace context and baggage in headers, against OpenTelemetry's own propagators."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from spanloom.api.context import adopt_api
from spanloom.core.context import baggage_of, span_of, with_baggage
from spanloom.core.propagation.w3c import extract, inject
from spanloom.core.spans.span_context import PropagatedSpan

adopt_api()
hexadecimal = st.text("0123456789abcdefA", min_size=1, max_size=3)
good = st.builds(
    "00-{:032x}-{:016x}-{:02x}".format, st.integers(0, 2**128 - 1), st.integers(0, 2**64 - 1), st.integers(0, 255)
)
odd = st.builds("{}-{:032x}-{:016x}-{}".format, hexadecimal, st.integers(0, 9), st.integers(0, 9), hexadecimal)
other = st.builds("{}-{:032x}-{:016x}-01{}".format, st.sampled_from(["00", "01", "ff"]), st.just(1), st.just(2),
                  st.sampled_from(["", "-", "-x", " ", "\t"]))  # fmt: skip
traceparents = good | odd | other | st.text("0-af \t", max_size=60) | st.just("0" * 600)
LONG = "j=" + "v" * 5000
pieces = st.sampled_from(["a=b", "c=d", "a@b=c", "A=b", "a=", "=b", "a", " x=y ", "", "k=" + "v" * 300, "a= b"])
tracestates = st.lists(pieces, max_size=40).map(",".join)
entries = st.sampled_from(["a=1", "b=%20x", "c=1;p=2", "d = 4", "e", "=5", "f=", "g=a+b", 'h="', "i=é", LONG])
baggages = st.lists(entries, max_size=200).map(",".join)


def content(context: Any) -> tuple[object, ...]:
    """Return the identity and the baggage of a context."""
    span = trace.get_current_span(context).get_span_context()
    return tuple(span), dict(baggage.get_all(context))


@given(st.none() | traceparents, st.none() | tracestates, st.none() | baggages)
def test_any_headers_mean_what_the_propagators_say(parent: str | None, state: str | None, bag: str | None) -> None:
    """Valid, malformed, too long or missing: trace, flags, tracestate and baggage are those of the propagators."""
    headers = {"traceparent": parent, "tracestate": state, "baggage": bag}
    given_headers = {key: value for key, value in headers.items() if value is not None}
    expected = propagate.extract(given_headers, context=Context())
    assert content(expected) == content(extract(parent, state, bag))


@given(
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.integers(0, 255),
    st.sampled_from(["", "a=b", "a=b,c=d"]),
    st.dictionaries(st.text("abc-é ", min_size=1, max_size=3), st.text(max_size=9), max_size=4),
)
def test_the_propagators_read_what_is_written(
    trace_id: int, span_id: int, flags: int, state: str, bag: dict[str, str]
) -> None:
    """Identity, tracestate and baggage arrive at a process with OpenTelemetry's propagators."""
    headers: dict[str, str] = {}
    inject(headers, with_baggage(bag, {}), PropagatedSpan(trace_id, span_id, flags, state))
    states = trace.TraceState.from_header([state])
    expected = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags), trace_state=states)
    stripped = {key.strip(): value.strip() for key, value in bag.items()}
    assert (tuple(expected), stripped) == content(propagate.extract(headers, context=Context()))


def test_spans_of_either_kind_are_each_others_parents() -> None:
    """The API finds the core's span in the current context, and the core the API's."""
    core = extract("00-" + "1" * 32 + "-" + "2" * 16 + "-01", None, None)
    api = trace.set_span_in_context(NonRecordingSpan(SpanContext(1, 2, is_remote=False)), Context())
    assert int("1" * 32, 16) == trace.get_current_span(core).get_span_context().trace_id  # type: ignore[arg-type]
    assert (2, {}) == (span_of(api).get_span_context().span_id, dict(baggage_of(api)))
