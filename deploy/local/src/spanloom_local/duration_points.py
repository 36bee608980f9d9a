"""The data points of `http.server.request.duration` in a metrics request of OTLP."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from spanloom.testing import otlp_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint

METRIC = "http.server.request.duration"
SERVER_ERROR = 500
NO_ROUTE = "(no route)"


class Route(NamedTuple):
    """A service, and the method and template of one of its routes."""

    service: str
    method: str
    template: str


class Exemplar(NamedTuple):
    """A measured request with its trace; `seconds` is its duration, `time_ns` is since the epoch."""

    seconds: float
    time_ns: int
    trace_id: str
    span_id: str


class DurationPoint(NamedTuple):
    """A data point: requests in each bucket by its upper bound in seconds.

    `series` identifies the sender and the attributes; times are in nanoseconds since the epoch.
    """

    series: str
    route: Route
    is_error: bool
    is_delta: bool
    start_ns: int
    time_ns: int
    buckets: Counter[float]
    exemplars: tuple[Exemplar, ...]


def from_otlp_metrics(request: ExportMetricsServiceRequest) -> Iterator[DurationPoint]:
    """Yield the data points of the metric; other metrics and exponential histograms are ignored."""
    for resource in request.resource_metrics:
        attributes = otlp_attributes(resource.resource.attributes)
        for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics if metric.name == METRIC):
            is_delta = metric.histogram.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
            for point in metric.histogram.data_points:
                yield _point(point, attributes, is_delta=is_delta)


def _point(point: HistogramDataPoint, resource: Mapping[str, Any], *, is_delta: bool) -> DurationPoint:
    attributes = otlp_attributes(point.attributes)
    return DurationPoint(
        series=repr((sorted(resource.items()), sorted(attributes.items()))),
        route=_route(str(resource.get("service.name", "")), attributes),
        is_error=is_error(attributes),
        is_delta=is_delta,
        start_ns=point.start_time_unix_nano,
        time_ns=point.time_unix_nano,
        buckets=_buckets(point),
        exemplars=tuple(_exemplars(point)),
    )


def _route(service: str, attributes: Mapping[str, Any]) -> Route:
    return Route(service, str(attributes.get("http.request.method", "")), str(attributes.get("http.route", NO_ROUTE)))


def is_error(attributes: Mapping[str, Any]) -> bool:
    """Return whether the attributes are those of a failed request: a status code from 500, or `error.type`."""
    status = attributes.get("http.response.status_code")
    return "error.type" in attributes or (isinstance(status, int) and status >= SERVER_ERROR)


def _buckets(point: HistogramDataPoint) -> Counter[float]:
    """Return the counts by upper bound; all of them in the last bucket if the sender's bounds are none or invalid."""
    bounds = [*point.explicit_bounds, math.inf]
    if len(bounds) != len(point.bucket_counts) or not _are_increasing(bounds):
        return Counter({math.inf: point.count})
    return Counter(dict(zip(bounds, point.bucket_counts, strict=True)))


def _are_increasing(bounds: list[float]) -> bool:
    return all(lower < upper for lower, upper in pairwise(bounds))


def _exemplars(point: HistogramDataPoint) -> Iterator[Exemplar]:
    for exemplar in point.exemplars:
        seconds = exemplar.as_double if exemplar.WhichOneof("value") == "as_double" else math.nan
        if math.isfinite(seconds) and exemplar.trace_id and exemplar.span_id:
            yield Exemplar(seconds, exemplar.time_unix_nano, exemplar.trace_id.hex(), exemplar.span_id.hex())
