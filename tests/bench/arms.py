"""The arms: the same two services, each traced in another way."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# In the order in which they are started, with the package of each.
SERVICES = MappingProxyType({"users-db-service": "users_db", "users-api": "users_api"})
FOREIGN = ("OTEL_", "SPANLOOM_", "USERS_", "UVICORN_", "DD_", "LOGFIRE_", "PYTHON", "VIRTUAL_ENV")
UNSAMPLED = "traceparent: 00-{trace}-{span}-00"
NOTHING: Mapping[str, str] = MappingProxyType({})

OTLP = {
    "OTEL_SERVICE_NAME": "{service}",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "{sink}",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
}
# No arm writes an access log (uvicorn --no-access-log); spanloom's is a log record, which this filter disables.
SPANLOOM = {**OTLP, "OTEL_PYTHON_DISTRO": "spanloom", "SPANLOOM_FILTER": "info,spanloom.access=off"}
TRUST = {"SPANLOOM_TRUST_INCOMING": "true"}  # users-db-service trusts users-api, as in the demo
TUNED = {
    **OTLP,
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "http,database",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "fastapi",  # done by bench_tuned, without send and receive spans
    "OTEL_PYTHON_EXCLUDED_URLS": "healthz,readyz",
}
DATADOG = {
    "DD_SERVICE": "{service}",
    "DD_TRACE_AGENT_URL": "{sink}",
}
LOGFIRE = {
    **OTLP,
    "LOGFIRE_SERVICE_NAME": "{service}",
    "LOGFIRE_SEND_TO_LOGFIRE": "false",
    "LOGFIRE_CONSOLE": "false",  # no arm logs requests
    "LOGFIRE_DISTRIBUTED_TRACING": "true",
}
INSTRUMENT = ("opentelemetry-instrument",)


@dataclass(frozen=True)
class Arm:
    """One way of tracing.

    home: its environment. launcher: the program that starts uvicorn. settings: environment variables with the
    placeholders `{service}` and `{sink}`. inner: further ones for users-db-service only. factory: the application,
    with the placeholder `{package}`. headers: request headers of the client. names: the attribute names to require
    (content.NAMES). share: the fraction of requests that is traced.
    """

    name: str
    title: str
    home: str = "shipped"
    launcher: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    inner: Mapping[str, str] = field(default_factory=dict)
    factory: str = "{package}.app:create_app"
    headers: tuple[str, ...] = ()
    names: str = "stable"
    share: float = 1.0

    def environment(self, inherited: Mapping[str, str], service: str, sink: str) -> dict[str, str]:
        """Return the environment of a service, without the caller's own telemetry settings."""
        kept = {key: value for key, value in inherited.items() if not key.startswith(FOREIGN)}
        own = {**self.settings, **(self.inner if service == "users-db-service" else NOTHING)}
        filled = {key: value.format(service=service, sink=sink) for key, value in own.items()}
        # The same order of dicts and sets in every arm: it alone changes the CPU time by some per cent.
        return {**kept, "PYTHONHASHSEED": "0", **filled}


def unsampled() -> str:
    """Return the traceparent header of a caller that does not sample."""
    return UNSAMPLED.format(trace=secrets.token_hex(16), span=secrets.token_hex(8))


ARMS = (
    Arm("untraced", "untraced", share=0.0),
    Arm("untraced-again", "untraced again (A/A)", share=0.0),
    Arm("spanloom", "spanloom, 100 %", launcher=INSTRUMENT, settings=SPANLOOM, inner=TRUST),
    Arm(
        "spanloom-1",
        "spanloom, 1 %",
        launcher=INSTRUMENT,
        settings={**SPANLOOM, "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"},
        inner=TRUST,
        share=0.01,
    ),
    Arm(
        "spanloom-unsampled",
        "spanloom, parent unsampled",
        launcher=INSTRUMENT,
        settings={**SPANLOOM, **TRUST},
        headers=(unsampled(),),
        share=0.0,
    ),
    Arm("agent", "agent, 100 %", home="agent", settings={**OTLP, "SPANLOOM_FILTER": "info"}, inner=TRUST),
    Arm("otel", "opentelemetry-instrument", home="contrib", launcher=INSTRUMENT, settings=OTLP, names="former"),
    Arm(
        "otel-tuned",
        "the same, tuned",
        home="contrib",
        launcher=INSTRUMENT,
        settings=TUNED,
        factory="bench_tuned:{package}",
    ),
    Arm(
        "otel-operator",
        "OpenTelemetry Operator's layout",
        home="operators-layout",
        settings={
            **OTLP,
            "OTEL_LOGS_EXPORTER": "otlp",
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_METRICS_EXPORTER": "otlp",
        },
        names="former",
    ),
    Arm("ddtrace", "ddtrace", home="ddtrace", launcher=("ddtrace-run",), settings=DATADOG, names="datadog"),
    Arm("logfire", "logfire", home="logfire", settings=LOGFIRE, factory="bench_logfire:{package}", names="former"),
)
BASES = ("untraced", "untraced-again")


def choose(names: Iterable[str]) -> list[Arm]:
    """Return the arms of these names and both untraced ones; ValueError for an unknown name."""
    valid = {arm.name for arm in ARMS}
    chosen = {*BASES, *names}
    if unknown := sorted(chosen - valid):
        raise ValueError(f"--arms {unknown[0]}: expected one or several of {', '.join(arm.name for arm in ARMS)}")
    return [arm for arm in ARMS if arm.name in chosen]
