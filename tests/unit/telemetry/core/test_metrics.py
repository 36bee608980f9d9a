"""Histograms of the core: what the SDK would send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics import Histogram as SdkHistogram
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from spanloom.api.context import adopt_api
from spanloom.core.metrics import histogram
from spanloom.core.spans.tracer import Scope
from spanloom.core.telemetry import Options, Telemetry

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    Measurement = tuple[float, str, int]

adopt_api()
RESOURCE = {"service.name": "shop"}
BOUNDS = (0.125, 1.0, 5.0)  # and values: fractions of 64, whose sums do not depend on their order
NAMES = ("request.duration", "s", "Duration of requests.")
TIMES = ("startTimeUnixNano", "timeUnixNano")


def context(flags: int) -> Context:
    """Return a context with a span that is sampled or not."""
    return trace.set_span_in_context(NonRecordingSpan(SpanContext(1, 2, False, TraceFlags(flags))), Context())


def through_sdk(rounds: Sequence[Sequence[Measurement]], *, is_delta: bool) -> list[Any]:
    """Return what the SDK sends after each round."""
    preferred = {SdkHistogram: AggregationTemporality.DELTA} if is_delta else {}
    reader = InMemoryMetricReader(preferred)
    provider = MeterProvider([reader], Resource(RESOURCE), shutdown_on_exit=False)
    name, unit, description = NAMES
    found = provider.get_meter("scope", "1").create_histogram(
        name, unit, description, explicit_bucket_boundaries_advisory=BOUNDS
    )
    sent = []
    for measurements in rounds:
        for value, route, flags in measurements:
            found.record(value, {"route": route} if route else {}, context(flags))
        data = reader.get_metrics_data()
        sent.append(decoded(encode_metrics(data).SerializeToString()) if data else {})
    return sent


def through_core(rounds: Sequence[Sequence[Measurement]], *, is_delta: bool) -> list[Any]:
    """Return what the core sends after each round."""
    telemetry = Telemetry(Options(lambda: RESOURCE, "test", is_delta=is_delta))
    found = telemetry.histogram(Scope("scope", "1"), *NAMES, BOUNDS, ("route",))
    sent = []
    for measurements in rounds:
        for value, route, flags in measurements:
            found.record(value, (route,), context(flags))
        sent.append(decoded(telemetry._encode_metrics()))
    return sent


def decoded(body: bytes) -> Any:
    """Return a request without its times."""
    return without_times(MessageToDict(ExportMetricsServiceRequest.FromString(body)))


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if key not in TIMES}
    return [without_times(item) for item in value] if isinstance(value, list) else value


measurements = st.tuples(
    st.integers(0, 640).map(lambda number: number / 64), st.sampled_from(["", "/a"]), st.integers(0, 1)
)


@given(rounds=st.lists(st.lists(measurements, max_size=5), min_size=1, max_size=3), is_delta=st.booleans())
def test_any_measurements_make_the_sdks_otlp(rounds: list[list[Measurement]], is_delta: bool) -> None:
    """Buckets, sums, extremes, exemplars and both temporalities are equal, collection by collection."""
    assert through_sdk(rounds, is_delta=is_delta) == through_core(rounds, is_delta=is_delta)


def test_more_sets_of_attributes_than_the_limit_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measurements beyond the limit of cardinality are counted under `otel.metric.overflow`."""
    monkeypatch.setattr(histogram, "MAX_ATTRIBUTE_SETS", 3)
    found = histogram.Histogram(*NAMES, BOUNDS, ("route",), is_delta=False)
    for number in range(5):
        found.record(1.0, (f"/{number}",), {})
    points = {str(point.attributes): sum(point.counts) for point in found.collect()}
    assert {"{'route': '/0'}": 1, "{'route': '/1'}": 1, "{'otel.metric.overflow': True}": 3} == points
