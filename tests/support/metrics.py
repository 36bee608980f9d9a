"""Metrics as a receiver of OTLP decodes them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


def metric_points(request: Any, name: str) -> list[Any]:
    """Return the points of a metric in an ExportMetricsServiceRequest, or in ResourceMetrics."""
    resources = getattr(request, "resource_metrics", None) or [request]
    metrics = [m for resource in resources for scope in getattr(resource, "scope_metrics", ()) for m in scope.metrics]
    found = [metric for metric in metrics if metric.name == name]
    return [point for metric in found for point in getattr(metric, metric.WhichOneof("data")).data_points]


def last_points(resources: Iterable[Any], name: str) -> list[Any]:
    """Return the points of the last ResourceMetrics that have a metric."""
    return next((points for resource in reversed([*resources]) if (points := metric_points(resource, name))), [])


def attributes_of(point: Any) -> dict[str, Any]:
    """Return the attributes of a point."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in point.attributes}


def counts_by(points: Iterable[Any], *keys: str) -> Counter[tuple[Any, ...]]:
    """Return the counts of histograms, or the values of sums, by the values of attributes."""
    found: Counter[tuple[Any, ...]] = Counter()
    for point in points:
        attributes = attributes_of(point)
        is_sum = hasattr(point, "as_int")
        found[tuple(attributes.get(key) for key in keys)] += point.as_int if is_sum else point.count
    return found
