"""The telemetry of a process under the distribution: the core where it suffices, the SDK for the rest."""

from __future__ import annotations

import os
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from opentelemetry import _logs, metrics, propagate, trace

from spanloom.api.instruments import new_api_instrument
from spanloom.api.provider import Resource
from spanloom.api.tracers import ApiStart
from spanloom.core.export.resource import resource_attributes
from spanloom.core.metrics import instruments
from spanloom.core.propagation import headers
from spanloom.core.spans import tracers
from spanloom.core.spans.tracer import Scope
from spanloom.core.telemetry import Telemetry
from spanloom.instrumentation.hooks import Options
from spanloom.runtime.options import core_options
from spanloom.runtime.shutdown import Shutdown
from spanloom.runtime.signals import exported_by_core
from spanloom.sdk.lazy_providers import Lazy, LazyLoggerProvider, LazyMeterProvider
from spanloom.sdk.switching_provider import SwitchingTracerProvider

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable, Mapping, MutableMapping

    from spanloom.core.context import Context
    from spanloom.core.metrics.instruments import NewInstrument
    from spanloom.settings import Settings

W3C = frozenset({"tracecontext", "baggage"})


def configure(values: Mapping[str, str], settings: Settings, auto_version: str | None) -> Options:
    """Set the global providers and the propagators, and return the options of the hooks; the values are valid."""
    distribution = _distribution(auto_version)
    signals = exported_by_core(values, os.environ)
    telemetry = Telemetry(core_options(values, distribution, signals))
    resource = resource_attributes(values, distribution)
    shutdown = Shutdown(settings.flush_timeout_seconds, values["OTEL_EXPORTER_OTLP_ENDPOINT"])
    shutdown.flushes.append(telemetry.flush)
    start_of = _serve_traces(telemetry, resource, shutdown, is_core="traces" in signals)
    tracers.serve(start_of)
    instruments.serve(_serve_metrics(telemetry, resource, shutdown, values, is_core="metrics" in signals))
    emit_log = _serve_logs(telemetry, resource, shutdown, settings, is_core="logs" in signals)
    _set_propagators(values["OTEL_PROPAGATORS"])
    shutdown.install()
    return Options(settings, shutdown.flush, emit_log, str(resource["service.name"]))


def _distribution(auto_version: str | None) -> dict[str, str]:
    own = version("spanloom")
    return {
        "telemetry.sdk.name": "spanloom",
        "telemetry.sdk.version": own,
        "telemetry.distro.name": "spanloom",
        "telemetry.distro.version": own,
        **({"telemetry.auto.version": auto_version} if auto_version else {}),
    }


def _serve_traces(
    telemetry: Telemetry, resource: Mapping[str, Any], shutdown: Shutdown, *, is_core: bool
) -> Callable[[str], Callable[..., Any]]:
    lazy = Lazy(partial(_sdk_provider, "tracer_provider", resource, telemetry.sampler))
    shutdown.flushes.append(lazy.flush)
    if is_core:
        trace.set_tracer_provider(SwitchingTracerProvider(telemetry, Resource(resource), lambda: lazy.provider))
        return lambda name: telemetry.tracer(Scope(name)).start
    trace.set_tracer_provider(lazy.provider)
    return lambda name: ApiStart(name).start


def _serve_metrics(
    telemetry: Telemetry, resource: Mapping[str, Any], shutdown: Shutdown, values: Mapping[str, str], *, is_core: bool
) -> NewInstrument:
    if values["OTEL_METRICS_EXPORTER"] != "none":
        lazy = Lazy(partial(_sdk_provider, "meter_provider", resource))
        shutdown.flushes.append(lazy.flush)
        metrics.set_meter_provider(LazyMeterProvider(lazy))
    return telemetry.instrument if is_core else new_api_instrument


def _serve_logs(
    telemetry: Telemetry, resource: Mapping[str, Any], shutdown: Shutdown, settings: Settings, *, is_core: bool
) -> Callable[[logging.LogRecord], None] | None:
    if not settings.has_log_export:
        return None
    lazy = Lazy(partial(_sdk_provider, "logger_provider", resource))
    shutdown.flushes.append(lazy.flush)
    _logs.set_logger_provider(LazyLoggerProvider(lazy))
    if is_core:
        return telemetry.emit_log
    from spanloom.sdk.log_export import log_emitter  # noqa: PLC0415 only where the SDK exports logs

    return log_emitter(has_code_attributes=settings.has_code_attributes)


def _sdk_provider(kind: str, resource: Mapping[str, Any], *more: Any) -> Any:
    from spanloom.sdk import providers  # noqa: PLC0415 imports the SDK, which takes long

    return getattr(providers, kind)(resource, *more)


def _set_propagators(names: str) -> None:
    """Use the core's propagators for W3C's headers, otherwise those of the API."""
    wanted = {name.strip() for name in names.split(",")} - {"none"}
    if wanted <= W3C:
        headers.use_w3c(has_trace_context="tracecontext" in wanted, has_baggage="baggage" in wanted)
    else:
        headers.serve(_extract, _inject)


def _extract(pairs: Iterable[tuple[str, str]]) -> Context:
    found: dict[str, str] = {}
    for name, value in pairs:
        found[name] = f"{found[name]},{value}" if name in found else value  # RFC 9110, section 5.3
    return propagate.extract(found, context={})  # type: ignore[arg-type] # a dictionary


def _inject(target: MutableMapping[str, str], context: Context) -> None:
    propagate.inject(target, context)  # type: ignore[arg-type] # a dictionary
