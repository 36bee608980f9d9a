"""What is kept in memory, and how much of it."""

from support.builders.otlp import proto_span, traces_body

from spanloom.testing import from_otlp
from spanloom.traces.model import Span
from spanloom_local.store import Store


def spans(*numbers: int, trace: int = 1) -> list[Span]:
    return from_otlp(traces_body(*(proto_span(number, trace=trace) for number in numbers)))


def test_a_span_that_comes_twice_is_kept_once() -> None:
    """Delivery is at least once."""
    store = Store()
    store.add(spans(1, 2))
    store.add(spans(2, 3))
    [trace] = store.traces().values()
    assert ["1", "2", "3"] == [span.span_id.lstrip("0") for span in trace.spans]


def test_the_oldest_trace_goes_when_there_are_too_many() -> None:
    """The memory is bounded in traces."""
    store = Store(kept_traces=2)
    for trace in (1, 2, 3):
        store.add(spans(1, trace=trace))
    assert [2, 3] == [int(trace_id, 16) for trace_id in store.traces()]
    assert store.trace(f"{1:032x}") is None
    assert [f"{2:032x}", f"{3:032x}"] == store.quiet(0)


def test_one_endless_trace_is_cut() -> None:
    """The memory is bounded in spans of a trace, and a span already there may still be replaced."""
    store = Store(kept_spans=2)
    store.add(spans(1, 2, 3))
    store.add(spans(2))
    [trace] = store.traces().values()
    assert 2 == len(trace.spans)


def test_what_is_kept_has_a_version() -> None:
    """It changes with every arrival, and a browser that knew another store's is not told that nothing changed."""
    store, other = Store(), Store()
    before = store.version
    store.add(spans(1))
    other.add(spans(1))
    assert 3 == len({before, store.version, other.version})


def test_a_trace_is_quiet_when_nothing_came_for_a_while() -> None:
    """What has just come is not quiet; what came before is."""
    store = Store()
    store.add(spans(1))
    assert [] == store.quiet(60)
    assert [f"{1:032x}"] == store.quiet(0)
