"""The remembered way through the SDK counts what the SDK would have counted."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, AlwaysOnExemplarFilter, Histogram, MeterProvider
from opentelemetry.sdk.metrics import TraceBasedExemplarFilter as TraceBased
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from spanloom.sdk import duration_histogram
from spanloom.sdk.duration_histogram import CachedDurationHistogram

KEYS = ("http.route", "http.response.status_code")
BUCKETS = (0.005, 0.1, 1)
FILTERS = (TraceBased(), AlwaysOnExemplarFilter(), AlwaysOffExemplarFilter())
VIEWS: dict[str, list[View]] = {
    "none": [],
    "fewer attributes": [View(instrument_name="*", attribute_keys={"http.route"})],
    "exponential": [View(instrument_name="*", aggregation=ExponentialBucketHistogramAggregation())],
    "two streams": [View(instrument_name="d"), View(instrument_name="d", name="other", attribute_keys=set())],
}


class Step(NamedTuple):
    """One measurement, and whether the metrics are collected after it."""

    seconds: float
    values: tuple[str | None, int]
    sampled: bool
    collected: bool


STEPS = st.lists(
    st.builds(
        Step,
        st.just(0.0) | st.floats(0.001, 10),  # far smaller ones: the SDK's own exponential histogram cannot merge them
        st.tuples(st.sampled_from(["/a", "/b", None]), st.sampled_from([200, 404])),
        st.booleans(),
        st.booleans(),
    ),
    max_size=30,
)


def context(sampled: bool) -> Context:
    own = SpanContext(7, 5, is_remote=False, trace_flags=TraceFlags(int(sampled)))
    return trace.set_span_in_context(NonRecordingSpan(own), Context())


def played(
    steps: list[Step], views: list[View], temporality: AggregationTemporality, index: int, ours: bool
) -> list[Any]:
    """Return everything that two readers, the second one added half-way, collect of these steps."""
    readers = [InMemoryMetricReader(preferred_temporality={Histogram: temporality}) for _ in range(2)]
    provider = MeterProvider(readers[:1], views=views, exemplar_filter=FILTERS[index], shutdown_on_exit=False)
    meter, found = provider.get_meter("m"), []
    if ours:
        durations = CachedDurationHistogram(meter, "d", "", BUCKETS, KEYS)
    else:
        histogram = meter.create_histogram("d", "s", explicit_bucket_boundaries_advisory=BUCKETS)
    for number, step in enumerate(steps):
        if number == len(steps) // 2:
            provider.add_metric_reader(readers[1])
        attributes = {key: value for key, value in zip(KEYS, step.values, strict=True) if value is not None}
        if ours:
            durations.record(step.seconds, step.values, context(step.sampled))
        else:
            histogram.record(step.seconds, attributes, context(step.sampled))
        if step.collected or number == len(steps) - 1:
            found += [told(reader) for reader in readers[: 1 + (number >= len(steps) // 2)]]
    return found


def told(reader: InMemoryMetricReader) -> Any:
    """Return what the reader collects, without times."""
    data = reader.get_metrics_data()
    return data and json.loads(data.to_json(), object_hook=_timeless)


def _timeless(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if not key.endswith("time_unix_nano")}


@pytest.mark.parametrize("temporality", [AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA])
@pytest.mark.parametrize("views", VIEWS)
@settings(max_examples=30)
@given(steps=STEPS, index=st.integers(0, 2))
def test_the_metrics_are_the_sdks(
    views: str, temporality: AggregationTemporality, steps: list[Step], index: int
) -> None:
    """Counts, sums, buckets, exemplars: with any views, readers, temporality and filter, what the SDK alone gives."""
    expected, actual = (played(steps, VIEWS[views], temporality, index, ours) for ours in (False, True))
    assert expected == actual


def looked_up(routes: list[str]) -> int:
    """Return how many of these measurements went the SDK's own way."""
    provider = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    durations = CachedDurationHistogram(provider.get_meter("m"), "d", "", BUCKETS, KEYS)
    with patch.object(Histogram, "record", autospec=True, side_effect=Histogram.record) as asked:
        for route in routes:
            durations.record(0.1, (route, 200), Context())
    return asked.call_count


def test_the_way_is_remembered() -> None:
    """A set of attributes that lasts is looked up once."""
    assert 1 == looked_up(["/a"] * 3)


def test_ways_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many sets there are, no more than so many are remembered; the others go the SDK's way."""
    monkeypatch.setattr(duration_histogram, "MAX_ATTRIBUTE_SETS", 2)
    assert 2 + 3 == looked_up(["/a", "/b", "/c"] * 3)


@pytest.mark.parametrize("most", [1, 2, 32])
def test_what_waits_is_counted_by_the_next_collection(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """However many may wait, a collection knows all that was measured, in one histogram and nothing beside it."""
    monkeypatch.setattr(duration_histogram, "MAX_PENDING", most)
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    durations = CachedDurationHistogram(provider.get_meter("m"), "d", "", BUCKETS, KEYS)
    for _ in range(5):
        durations.record(0.5, ("/a", 200), Context())
    [scope] = reader.get_metrics_data().resource_metrics[0].scope_metrics
    assert [("d", [5])] == [(one.name, [point.count for point in one.data.data_points]) for one in scope.metrics]


def test_threads_count_each_measurement_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured by some threads while another collects, nothing is lost and nothing counted twice."""
    monkeypatch.setattr(duration_histogram, "MAX_PENDING", 3)
    reader = InMemoryMetricReader()
    durations = CachedDurationHistogram(
        MeterProvider([reader], shutdown_on_exit=False).get_meter("m"), "d", "", BUCKETS, KEYS
    )
    with ThreadPoolExecutor(4) as pool:
        for _ in range(2000):
            pool.submit(durations.record, 0.5, ("/a", 200), Context())
        for _ in range(20):
            reader.collect()
    [point] = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
    assert 2000 == point.count
