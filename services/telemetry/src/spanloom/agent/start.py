"""Start of the agent: settings, telemetry, and hooks."""

from __future__ import annotations

import os
from dataclasses import replace

from spanloom.agent.api_door import ApiDoor
from spanloom.agent.gate import Gate
from spanloom.agent.lenient_settings import readable
from spanloom.agent.libraries import Libraries
from spanloom.agent.other_agents import other_agent
from spanloom.agent.version import VERSION
from spanloom.core.export.resource import resource_attributes
from spanloom.core.propagation import headers
from spanloom.core.reports import report
from spanloom.core.telemetry import Telemetry
from spanloom.instrumentation.hooks import Options
from spanloom.runtime.options import SIGNALS, core_options
from spanloom.runtime.shutdown import Shutdown
from spanloom.runtime.signals import exported_by_core
from spanloom.settings import Settings
from spanloom.settings.environment import canonical_values

DISTRIBUTION = {
    "telemetry.sdk.name": "spanloom",
    "telemetry.sdk.version": VERSION,
    "telemetry.distro.name": "spanloom-agent",
    "telemetry.distro.version": VERSION,
}


def start() -> None:
    """Install the hooks, unless another agent has been loaded already."""
    other = other_agent()
    if other:
        report(f"{other} traces this process; the agent has withdrawn")
        return
    environ, messages = readable(os.environ)
    for message in messages:
        report(message)
    values, settings = canonical_values(environ), replace(Settings.from_environ(environ), log_format="")
    telemetry = Telemetry(core_options(values, DISTRIBUTION, _signals(values)))
    _install(telemetry, values, settings)


def _signals(values: dict[str, str]) -> frozenset[str]:
    """Return the signals to export; the exporters, protocols and samplers of other packages are not in the agent."""
    signals = exported_by_core(values, {})
    for signal in SIGNALS:
        key = f"OTEL_{signal.upper()}_EXPORTER"
        if signal not in signals and values[key] != "none":
            report(f"{signal} are not exported ({key}={values[key]!r}); the agent has only OTLP over http/protobuf, "
                   "and the samplers, id generator and histograms of the specification")  # fmt: skip
    return signals


def _install(telemetry: Telemetry, values: dict[str, str], settings: Settings) -> None:
    resource = resource_attributes(values, DISTRIBUTION)
    shutdown = Shutdown(settings.flush_timeout_seconds, values["OTEL_EXPORTER_OTLP_ENDPOINT"])
    shutdown.flushes.append(telemetry.flush)
    gate = Gate(telemetry)
    gate.serve()
    emit_log = telemetry.emit_log if values["OTEL_LOGS_EXPORTER"] == "otlp" else None
    options = Options(settings, shutdown.flush, emit_log, str(resource["service.name"]))
    propagators = values["OTEL_PROPAGATORS"].split(",")
    headers.use_w3c(has_trace_context="tracecontext" in propagators, has_baggage="baggage" in propagators)
    ApiDoor(telemetry, resource, gate).open()
    disabled = [name.strip() for name in values["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"].split(",")]
    Libraries(gate, options).watch(disabled)
    shutdown.install()
