"""Rate, errors and duration of routes from data points."""

from collections import Counter
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint
from support.builders.otlp import duration_point, exemplar, metrics_request

from spanloom_local.duration_points import from_otlp_metrics
from spanloom_local.route_metrics import NANOSECONDS, SLOT_SECONDS, SLOTS, WINDOW_SECONDS, RouteMetrics, quantile

NOW = 1_000_000 * NANOSECONDS
SLOT = SLOT_SECONDS * NANOSECONDS
SPAN = f"{1:016x}"


def recent(
    buckets: dict[float, int], age: int = 0, start: int = NOW - 60 * NANOSECONDS, **fields: object
) -> HistogramDataPoint:
    return duration_point(buckets, start_ns=start, time_ns=NOW - age, **fields)  # type: ignore[arg-type] # as given


def measured(*points: HistogramDataPoint, is_delta: bool = False, routes: RouteMetrics | None = None) -> RouteMetrics:
    """Return metrics to which the points were added, one request for each."""
    metrics = routes or RouteMetrics()
    for point in points:
        metrics.add(from_otlp_metrics(metrics_request(point, is_delta=is_delta)), NOW)
    return metrics


def totals(metrics: RouteMetrics) -> list[int]:
    return [red.total.requests for red in metrics.routes(NOW)]


@pytest.mark.parametrize(
    ("counts", "is_delta", "expected"),
    [
        ([3], False, [3]),
        ([3, 5], False, [5]),
        ([3, 3], False, [3]),
        ([3, 5], True, [8]),
    ],
    ids=["first point", "cumulative", "unchanged", "delta"],
)
def test_requests_are_counted_once(counts: list[int], is_delta: bool, expected: list[int]) -> None:
    """A cumulative point counts what it has more than the one before, a point of a delta everything."""
    points = [recent({1.0: count, inf: 0}) for count in counts]
    assert expected == totals(measured(*points, is_delta=is_delta))


@pytest.mark.parametrize("start", [NOW - 60 * NANOSECONDS, NOW - NANOSECONDS], ids=["fewer requests", "another start"])
def test_a_restarted_sender_begins_at_zero(start: int) -> None:
    """After a restart every request of the point counts."""
    assert [7] == totals(measured(recent({1.0: 5, inf: 0}), recent({1.0: 2, inf: 0}, start=start)))


def test_requests_before_the_window_are_not_counted() -> None:
    """Of a series that began before the window only what follows its first point is counted."""
    old = NOW - 2 * WINDOW_SECONDS * NANOSECONDS
    assert [] == totals(metrics := measured(recent({1.0: 1_000, inf: 0}, start=old)))
    assert [2] == totals(measured(recent({1.0: 1_002, inf: 0}, start=old), routes=metrics))


def test_a_slot_has_the_requests_of_its_time() -> None:
    """Slots are in the order of time, and the last one is that of now; older points than the window are dropped."""
    ages = (0, 2 * SLOT, SLOTS * SLOT)
    points = [recent({1.0: 1, inf: 0}, age) for age in ages]
    [red] = measured(*points, is_delta=True).routes(NOW)
    assert [1, 0, 1] == [slot.requests for slot in red.slots[-3:]]
    assert (SLOTS, 2) == (len(red.slots), red.total.requests)


def test_points_of_any_time_are_limited_to_the_window() -> None:
    """Old points, each of another time, are not stored."""
    metrics = measured(*(recent({inf: 1}, (SLOTS + number) * SLOT) for number in range(5)), is_delta=True)
    assert {} == metrics._routes


def test_a_time_in_the_future_counts_as_now() -> None:
    """A sender whose clock is ahead is shown in the last slot."""
    [red] = measured(recent({1.0: 1, inf: 0}, age=-WINDOW_SECONDS * NANOSECONDS)).routes(NOW)
    assert 1 == red.slots[-1].requests


def test_failed_requests_are_those_of_the_server() -> None:
    """Status codes from 500 are errors; 404 is not."""
    points = [recent({1.0: count, inf: 0}, status=status) for status, count in ((200, 5), (404, 3), (503, 2))]
    [red] = measured(*points).routes(NOW)
    assert (10, 2) == (red.total.requests, red.total.errors)


def test_routes_are_apart_by_service_method_and_template() -> None:
    """Each combination is one entry, in alphabetical order; another metric is none."""
    metrics = RouteMetrics()
    for service, name in (("b", "http.server.request.duration"), ("a", "http.server.request.duration"), ("c", "other")):
        metrics.add(from_otlp_metrics(metrics_request(recent({inf: 1}), service=service, name=name)), NOW)
    assert ["a", "b"] == [red.route.service for red in metrics.routes(NOW)]


@pytest.mark.parametrize("limit", ["kept_routes", "kept_series"])
def test_routes_and_series_are_limited(limit: str) -> None:
    """What was not measured for longest is dropped above the limit."""
    metrics = RouteMetrics(**{limit: 2})
    for number in range(9):
        measured(recent({inf: 1}, route=f"/{number}"), routes=metrics)
    kept = metrics._routes if limit == "kept_routes" else metrics._last
    assert 2 == len(kept)


def test_the_slowest_exemplar_of_each_slot_is_stored() -> None:
    """Exemplars are in the order of time; one in a slot, those before the window and in the future dropped."""
    given = [(0.1, 0), (0.3, 0), (0.2, SLOT), (0.9, SLOTS * SLOT), (0.9, -SLOT)]
    exemplars = [exemplar(seconds, NOW - age, f"{7:032x}", SPAN) for seconds, age in given]
    [red] = measured(recent({1.0: 5, inf: 0}, exemplars=exemplars)).routes(NOW)
    assert [0.2, 0.3] == [each.seconds for each in red.exemplars]


@pytest.mark.parametrize(
    "point",
    [
        HistogramDataPoint(count=2),
        HistogramDataPoint(count=2, bucket_counts=[1, 1], explicit_bounds=[1, 2]),
        HistogramDataPoint(count=2, bucket_counts=[1, 1, 0], explicit_bounds=[2, 1]),
        HistogramDataPoint(count=2, bucket_counts=[1, 1], explicit_bounds=[nan]),
    ],
    ids=["none", "too few", "decreasing", "not a number"],
)
def test_invalid_bounds_still_count(point: HistogramDataPoint) -> None:
    """A point without valid buckets counts its requests, with no known duration."""
    point.time_unix_nano = point.start_time_unix_nano = NOW
    [red] = measured(point).routes(NOW)
    assert {inf: 2} == red.total.buckets


def test_an_exemplar_that_is_no_number_is_dropped() -> None:
    """JSON has no NaN."""
    point = recent({inf: 1}, exemplars=[exemplar(nan, NOW, f"{7:032x}", SPAN), exemplar(1, NOW, "", "")])
    assert () == measured(point).routes(NOW)[0].exemplars


@pytest.mark.parametrize(
    ("buckets", "share", "expected"),
    [
        ({}, 0.5, None),
        ({1.0: 0, inf: 0}, 0.5, None),
        ({1.0: 4, 2.0: 0, inf: 0}, 0.5, 0.5),
        ({1.0: 1, 2.0: 1, inf: 0}, 0.75, 1.5),
        ({1.0: 0, 2.0: 4, inf: 0}, 0.5, 1.5),
        ({1.0: 1, 2.0: 0, inf: 3}, 0.95, 2.0),
        ({inf: 3}, 0.95, 0.0),
    ],
)
def test_a_quantile_is_that_of_prometheus(buckets: dict[float, int], share: float, expected: float | None) -> None:
    """Linear inside of a bucket, the highest finite bound in the last one (histogram_quantile of Prometheus)."""
    assert expected == quantile(Counter(buckets), share)


@given(st.dictionaries(st.floats(0.001, 10), st.integers(0, 50), max_size=8))
def test_quantiles_grow_with_their_share(buckets: dict[float, int]) -> None:
    """The median is at most the 95th percentile, and both are within the bounds."""
    low, high = (quantile(Counter(buckets), share) for share in (0.5, 0.95))
    assert (low is None) == (high is None)
    if low is not None and high is not None:
        assert 0 <= low <= high <= max(buckets)
