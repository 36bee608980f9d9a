"""OTLP request bodies of metrics."""

from __future__ import annotations

import time

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource


def gauge_body(service: str, name: str, value: float) -> bytes:
    """Return the body of `POST /v1/metrics` with one data point of a gauge, of now."""
    attribute = KeyValue(key="service.name", value=AnyValue(string_value=service))
    point = NumberDataPoint(time_unix_nano=time.time_ns(), as_double=value)
    metrics = [Metric(name=name, gauge=Gauge(data_points=[point]))]
    resource = ResourceMetrics(resource=Resource(attributes=[attribute]), scope_metrics=[ScopeMetrics(metrics=metrics)])
    return ExportMetricsServiceRequest(resource_metrics=[resource]).SerializeToString()
