"""The SDK's providers, processors and exporters from OTEL_* variables, built with its public classes."""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor

from spanloom.core.spans.remote_sampling import RemoteSampler
from spanloom.sdk.remote_sampler import sdk_sampler
from spanloom.sdk.span_redaction import RedactingExporter, patch_span_errors
from spanloom.sdk.tree_exporter import TreeExporter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.export import SpanExporter

PROTOCOLS = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
RATIO_SAMPLERS = ("traceidratio", "parentbased_traceidratio")


def tracer_provider(resource: Mapping[str, Any], core_sampler: Any) -> TracerProvider:
    """Return the SDK's provider of tracers; of the core's samplers it uses the remote one, which the SDK lacks."""
    patch_span_errors()
    provider = TracerProvider(
        sampler=_sampler(core_sampler),
        resource=Resource.create(resource),
        id_generator=_load("opentelemetry_id_generator", os.environ.get("OTEL_PYTHON_ID_GENERATOR", "random"))(),
        shutdown_on_exit=False,  # the final flush is the Shutdown's, within its timeout
        **_configurator("tracer"),
    )
    for exporter in _exporters("traces"):
        provider.add_span_processor(_span_processor(exporter))
    return provider


def _span_processor(exporter: SpanExporter) -> SpanProcessor:
    """Return a batch processor; for console exporters, one that exports each span at once."""
    is_watched = isinstance(exporter, ConsoleSpanExporter | TreeExporter)
    return (SimpleSpanProcessor if is_watched else BatchSpanProcessor)(RedactingExporter(exporter))


def meter_provider(resource: Mapping[str, Any]) -> MeterProvider:
    """Return the SDK's provider of meters."""
    readers = [_reader(exporter) for exporter in _exporters("metrics")]
    return MeterProvider(readers, Resource.create(resource), shutdown_on_exit=False, **_configurator("meter"))


def _reader(exporter: Any) -> MetricReader:
    return exporter if isinstance(exporter, MetricReader) else PeriodicExportingMetricReader(exporter)


def logger_provider(resource: Mapping[str, Any]) -> LoggerProvider:
    """Return the SDK's provider of loggers."""
    provider = LoggerProvider(Resource.create(resource), shutdown_on_exit=False, **_configurator("logger"))
    for exporter in _exporters("logs"):
        provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    return provider


def _exporters(signal: str) -> Iterator[Any]:
    for name in os.environ.get(f"OTEL_{signal.upper()}_EXPORTER", "none").split(","):
        if name != "none":
            yield _load(f"opentelemetry_{signal}_exporter", _protocol(signal) if name == "otlp" else name)()


def _protocol(signal: str) -> str:
    general = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    return PROTOCOLS[os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", general)]


def _sampler(core_sampler: Any) -> Any:
    if isinstance(core_sampler, RemoteSampler):
        return sdk_sampler(core_sampler)
    name = os.environ.get("OTEL_TRACES_SAMPLER")
    if name is None:
        return None
    argument = os.environ.get("OTEL_TRACES_SAMPLER_ARG")
    return _load("opentelemetry_traces_sampler", name)(float(argument or 1) if name in RATIO_SAMPLERS else argument)


def _configurator(kind: str) -> dict[str, Any]:
    """Return the SDK's configurator of tracers, meters or loggers that a variable names (in development)."""
    name = os.environ.get(f"OTEL_PYTHON_{kind.upper()}_CONFIGURATOR")
    return {f"_{kind}_configurator": _load(f"_opentelemetry_{kind}_configurator", name)} if name else {}


def _load(group: str, name: str) -> Any:
    return next(iter(entry_points(group=group, name=name))).load()
