"""Instruments of the core: what the SDK would send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics import Counter as SdkCounter
from opentelemetry.sdk.metrics import Histogram as SdkHistogram
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from spanloom.api.context import adopt_api
from spanloom.api.instruments import new_api_instrument
from spanloom.core.export.sender import Destination
from spanloom.core.metrics import histogram, sums
from spanloom.core.metrics.instruments import Definition
from spanloom.core.spans.tracer import Scope
from spanloom.core.telemetry import Options, Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spanloom.core.metrics.instruments import NewInstrument

    Measurement = tuple[float, str, int]

adopt_api()
RESOURCE = {"service.name": "shop"}
BOUNDS = (0.125, 1.0, 5.0)  # and values: fractions of 64, whose sums do not depend on their order
NAMES = ("request.duration", "s", "Duration of requests.")
DURATION = Definition(Scope("scope"), *NAMES, ("route",), BOUNDS)
TIMES = ("startTimeUnixNano", "timeUnixNano")


def context(flags: int) -> Context:
    """Return a context with a span that is sampled or not."""
    return trace.set_span_in_context(NonRecordingSpan(SpanContext(1, 2, False, TraceFlags(flags))), Context())


def through_sdk(kind: str, rounds: Sequence[Sequence[Measurement]], *, is_delta: bool) -> list[Any]:
    """Return what the SDK sends after each round, of an instrument of OpenTelemetry's API."""
    preferred = dict.fromkeys((SdkHistogram, SdkCounter), AggregationTemporality.DELTA) if is_delta else {}
    reader = InMemoryMetricReader(preferred)
    provider = MeterProvider([reader], Resource(RESOURCE), shutdown_on_exit=False)

    def collect() -> bytes:
        data = reader.get_metrics_data()
        return encode_metrics(data).SerializeToString() if data else b""

    with mock.patch.object(metrics, "get_meter", provider.get_meter):
        return sent(new_api_instrument, collect, kind, rounds)


def through_core(kind: str, rounds: Sequence[Sequence[Measurement]], *, is_delta: bool) -> list[Any]:
    """Return what the core sends after each round."""
    telemetry = Telemetry(Options(lambda: RESOURCE, "test", is_delta=is_delta))
    return sent(telemetry.instrument, telemetry._encode_metrics, kind, rounds)


def sent(
    new: NewInstrument, collect: Callable[[], bytes], kind: str, rounds: Sequence[Sequence[Measurement]]
) -> list[Any]:
    """Return what is collected after each round of measurements with an instrument."""
    observed: list[tuple[float, tuple[str, ...]]] = []
    definition = DURATION if kind == "histogram" else DURATION._replace(bounds=())
    instrument, found = new(definition, (lambda: observed) if kind == "observed" else None), []
    for measurements in rounds:
        observed[:] = [(value, (route,)) for value, route, _ in measurements]
        for value, route, flags in measurements:
            instrument.record(value, (route,), context(flags))
        found.append(decoded(collect()))
    return found


def decoded(body: bytes) -> Any:
    """Return a request without its times, and without the order of its lists."""
    return without_times(MessageToDict(ExportMetricsServiceRequest.FromString(body)))


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if key not in TIMES}
    return sorted(map(without_times, value), key=repr) if isinstance(value, list) else value


seconds = st.integers(0, 640).map(lambda number: number / 64)
routes = st.sampled_from(["", "/a", "/b"])
durations = st.lists(st.tuples(seconds, routes, st.integers(0, 1)), max_size=5)
# Outside of a trace: the core's counters have no exemplars.
amounts = st.lists(st.tuples(st.integers(0, 9) | seconds, routes, st.just(0)), max_size=5)
observations = st.lists(
    st.tuples(st.integers(-9, 9) | seconds, routes, st.just(0)), max_size=3, unique_by=lambda seen: seen[1]
)
KINDS = {"histogram": durations, "counter": amounts, "observed": observations}


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data(), is_delta=st.booleans())
def test_any_measurements_make_the_sdks_otlp(kind: str, data: st.DataObject, is_delta: bool) -> None:
    """Buckets, sums, extremes, exemplars and both temporalities are equal, collection by collection."""
    rounds = data.draw(st.lists(KINDS[kind], min_size=1, max_size=3))
    assert through_sdk(kind, rounds, is_delta=is_delta) == through_core(kind, rounds, is_delta=is_delta)


def test_more_sets_of_attributes_than_the_limit_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measurements beyond the limit of cardinality are counted under `otel.metric.overflow`."""
    for module in (histogram, sums):
        monkeypatch.setattr(module, "MAX_ATTRIBUTE_SETS", 3)
    measured, counted = histogram.Histogram(DURATION, is_delta=False), sums.Counter(DURATION, is_delta=False)
    for found in (measured, counted):
        for number in range(5):
            found.record(1, (f"/{number}",), {})
    expected = {"{'route': '/0'}": 1, "{'route': '/1'}": 1, "{'otel.metric.overflow': True}": 3}
    assert expected == {str(point.attributes): sum(point.counts) for point in measured.collect()}
    assert expected == {str(number.attributes): number.value for number in counted.collect()}


def test_values_that_cannot_be_observed_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """They are missing in the export, and the other metrics are in it."""
    telemetry = Telemetry(Options(lambda: RESOURCE, "test"))
    telemetry.instrument(DURATION._replace(name="broken", bounds=()), lambda: iter([{}["missing"]]))
    telemetry.instrument(DURATION).record(1, ("/a",), {})
    [resource] = ExportMetricsServiceRequest.FromString(telemetry._encode_metrics()).resource_metrics
    assert ["request.duration"] == [metric.name for metric in resource.scope_metrics[0].metrics]
    assert capsys.readouterr().err.startswith("spanloom: dropped the values of broken: KeyError")


def test_measurements_outside_of_traces_wait_for_the_first_trace() -> None:
    """Without a span or a request there is nothing to flush, so the end of a script waits for no receiver."""
    telemetry = Telemetry(Options(lambda: RESOURCE, "test", metrics_to=Destination("http://localhost:1")))
    found = telemetry.instrument(DURATION)
    found.record(1, (), {})
    assert (True, 0) == (telemetry.flush(0), telemetry._version())
    found.collect()
    found.record(1, (), context(0))
    assert 2 == telemetry._version()


def test_measurements_of_the_runtime_alone_cause_no_last_export() -> None:
    """A process that was idle since its last export waits for no receiver at its end."""
    telemetry = Telemetry(Options(lambda: RESOURCE, "test"))
    for is_passive in (True, False):
        telemetry.instrument(DURATION._replace(is_passive=is_passive)).record(1, (), context(1))
        assert int(not is_passive) == telemetry._version()


def test_discarded_measurements_are_not_exported() -> None:
    """Neither those that were made, nor later ones: another agent measures this process."""
    telemetry = Telemetry(Options(lambda: RESOURCE, "test"))
    found = telemetry.instrument(DURATION)
    found.record(1, (), context(1))
    telemetry.discard_metrics()
    found.record(1, (), context(1))
    assert (b"", 0) == (telemetry._encode_metrics(), telemetry._version())
