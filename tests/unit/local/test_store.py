"""The traces in memory, and their limits."""

from support.builders.otlp import proto_span, traces_body

from spanloom.testing import from_otlp
from spanloom.traces.model import Span
from spanloom_local.store import Store


def spans(*numbers: int, trace: int = 1) -> list[Span]:
    return from_otlp(traces_body(*(proto_span(number, trace=trace) for number in numbers)))


def test_a_repeated_span_is_stored_once() -> None:
    """OTLP delivers at least once."""
    store = Store()
    store.add(spans(1, 2))
    store.add(spans(2, 3))
    [trace] = store.traces().values()
    assert ["1", "2", "3"] == [span.span_id.lstrip("0") for span in trace.spans]


def test_the_oldest_trace_is_dropped_at_the_limit() -> None:
    """The number of traces is limited."""
    store = Store(kept_traces=2)
    for trace in (1, 2, 3):
        store.add(spans(1, trace=trace))
    assert [2, 3] == [int(trace_id, 16) for trace_id in store.traces()]
    assert store.trace(f"{1:032x}") is None
    assert [f"{2:032x}", f"{3:032x}"] == store.idle(0)


def test_a_trace_is_cut_at_its_limit() -> None:
    """The spans of a trace are limited; a stored span can still be replaced."""
    store = Store(kept_spans=2)
    store.add(spans(1, 2, 3))
    store.add(spans(2))
    [trace] = store.traces().values()
    assert 2 == len(trace.spans)


def test_the_store_has_a_version() -> None:
    """The version changes with every arrival of spans or log lines and differs between stores."""
    store, other = Store(), Store()
    before = store.version
    store.add(spans(1))
    other.add(spans(1))
    after_spans = store.version
    store.add_lines([])
    assert 4 == len({before, after_spans, store.version, other.version})


def test_a_trace_is_complete_after_a_pause() -> None:
    """A trace that got a span just now is not complete; an older one is."""
    store = Store()
    store.add(spans(1))
    assert [] == store.idle(60)
    assert [f"{1:032x}"] == store.idle(0)
