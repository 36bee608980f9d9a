"""Providers, processors and exporters from OTEL_* variables, built with the SDK's public classes."""

from __future__ import annotations

import os
from importlib.metadata import entry_points, version
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor

from spanloom.sdk import span_redaction
from spanloom.sdk.otlp_retry import patch_otlp_retry
from spanloom.sdk.self_check import fast_path
from spanloom.sdk.tree_exporter import TreeExporter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.export import SpanExporter

PROTOCOLS = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
RATIO_SAMPLERS = ("traceidratio", "parentbased_traceidratio")


def configure_providers(auto_instrumentation_version: str | None, *, has_log_export: bool) -> None:
    """Set the global providers; the settings are validated, so every entry point exists."""
    span_redaction.patch_span_errors()
    patch_otlp_retry()
    resource = Resource.create(
        {
            "telemetry.distro.name": "spanloom",
            "telemetry.distro.version": version("spanloom"),
            **({"telemetry.auto.version": auto_instrumentation_version} if auto_instrumentation_version else {}),
        }
    )
    trace.set_tracer_provider(_tracer_provider(resource))
    if readers := [_reader(exporter) for exporter in _exporters("metrics")]:
        options = _configurator("meter")
        metrics.set_meter_provider(MeterProvider(readers, resource, shutdown_on_exit=False, **options))
    if has_log_export:
        _configure_logs(resource)


def _tracer_provider(resource: Resource) -> TracerProvider:
    exporters = list(_exporters("traces"))
    lean = fast_path().provider if any(type(exporter) is OTLPSpanExporter for exporter in exporters) else None
    provider = (lean or TracerProvider)(
        sampler=_sampler(),
        resource=resource,
        id_generator=_load("opentelemetry_id_generator", os.environ.get("OTEL_PYTHON_ID_GENERATOR", "random"))(),
        shutdown_on_exit=False,  # the final flush is the Shutdown's, within its timeout
        **_configurator("tracer"),
    )
    provider.add_span_processor(span_redaction.RedactingProcessor())
    for exporter in exporters:
        provider.add_span_processor(_span_processor(exporter, is_lean=lean is not None))
    return provider


def _span_processor(exporter: SpanExporter, *, is_lean: bool) -> SpanProcessor:
    """Return a batch processor; for console exporters, one that exports each span at once."""
    if isinstance(exporter, ConsoleSpanExporter | TreeExporter):
        return SimpleSpanProcessor(exporter)
    if is_lean and type(exporter) is OTLPSpanExporter:
        from spanloom.sdk.exporter import LeanProcessor  # noqa: PLC0415 only if the SDK passed the self-check

        return LeanProcessor(exporter)
    return BatchSpanProcessor(span_redaction.redacting_exporter(exporter))


def _reader(exporter: Any) -> MetricReader:
    return exporter if isinstance(exporter, MetricReader) else PeriodicExportingMetricReader(exporter)


def _configure_logs(resource: Resource) -> None:
    from opentelemetry._logs import set_logger_provider  # noqa: PLC0415 only if logs are exported
    from opentelemetry.sdk._logs import LoggerProvider  # noqa: PLC0415
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor  # noqa: PLC0415

    provider = LoggerProvider(resource, shutdown_on_exit=False, **_configurator("logger"))
    for exporter in _exporters("logs"):
        provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    set_logger_provider(provider)


def _exporters(signal: str) -> Iterator[Any]:
    for name in os.environ.get(f"OTEL_{signal.upper()}_EXPORTER", "none").split(","):
        if name != "none":
            yield _load(f"opentelemetry_{signal}_exporter", _protocol(signal) if name == "otlp" else name)()


def _protocol(signal: str) -> str:
    general = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    return PROTOCOLS[os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", general)]


def _sampler() -> Any:
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
