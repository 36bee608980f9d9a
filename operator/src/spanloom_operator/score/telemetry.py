"""Telemetry in the form that the rules of the score read."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from spanloom.testing import Span, from_otlp, otlp_attributes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric as OtlpMetric


class Metric(NamedTuple):
    """One metric of one export: bounds of the buckets of its histograms, and the values of each attribute."""

    name: str
    unit: str
    bounds: frozenset[tuple[float, ...]] = frozenset()
    values: Mapping[str, frozenset[str]] = {}


@dataclass
class Service:
    """What one `service.name` has sent; "" are resources without one. `severities` are numbers, 0 for none."""

    name: str
    resources: list[Mapping[str, Any]] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    severities: list[int] = field(default_factory=list)


class Telemetry:
    """What all services have sent."""

    def __init__(self) -> None:
        self.services: dict[str, Service] = {}
        self.span_ids: set[tuple[str, str]] = set()
        """The trace and span id of every span: a parent may be another service's."""

    def add_traces(self, request: ExportTraceServiceRequest) -> None:
        """Add the spans of a request that are new: one that was sent again is the same span."""
        for span in from_otlp(request.SerializeToString()):
            if (span.trace_id, span.span_id) not in self.span_ids:
                self.span_ids.add((span.trace_id, span.span_id))
                self._of(span.resource).spans.append(span)

    def add_metrics(self, request: ExportMetricsServiceRequest) -> None:
        """Add the metrics of a request."""
        for part in request.resource_metrics:
            service = self._of(otlp_attributes(part.resource.attributes))
            service.metrics += [_metric(metric) for scope in part.scope_metrics for metric in scope.metrics]

    def add_logs(self, request: ExportLogsServiceRequest) -> None:
        """Add the log records of a request."""
        for part in request.resource_logs:
            service = self._of(otlp_attributes(part.resource.attributes))
            service.severities += [record.severity_number for scope in part.scope_logs for record in scope.log_records]

    def _of(self, resource: Mapping[str, Any]) -> Service:
        name = str(resource.get("service.name") or "")
        service = self.services.setdefault(name, Service(name))
        if resource not in service.resources:
            service.resources.append(resource)
        return service


def _metric(metric: OtlpMetric) -> Metric:
    points = list(_points(metric))
    values: dict[str, set[str]] = defaultdict(set)
    for point in points:
        for key, value in otlp_attributes(point.attributes).items():
            values[key].add(str(value))
    bounds = frozenset(tuple(point.explicit_bounds) for point in points if hasattr(point, "explicit_bounds"))
    return Metric(metric.name, metric.unit, bounds, {key: frozenset(found) for key, found in values.items()})


def _points(metric: OtlpMetric) -> Iterable[Any]:
    kind = metric.WhichOneof("data")
    found: Iterable[Any] = getattr(metric, kind).data_points if kind else ()
    return found
