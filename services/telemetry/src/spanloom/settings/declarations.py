"""Every variable that the distribution or the SDK for Python reads, declared once.

The check of a value, the default and the reference in docs/configuration.md come from here. Names and meanings:
OpenTelemetry specification, "Environment Variable Specification", and the SDK for Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanloom.settings import checks
from spanloom.settings.excluded_paths import DEFAULT as DEFAULT_EXCLUDED
from spanloom.settings.excluded_paths import KEYS as EXCLUDED_URLS
from spanloom.settings.exporters import MAX_TIMEOUT_SECONDS, exporters
from spanloom.settings.levels import parse_levels
from spanloom.settings.trust import parse_trust
from spanloom.settings.variable import Variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spanloom.settings.checks import Check


def _parsed(parse: Callable[[str], object]) -> Check:
    def check(_key: str, value: str) -> str:
        parse(value)
        return value

    return check


def _distribution() -> Iterator[Variable]:
    yield Variable(
        "SPANLOOM_FILTER",
        "Levels of function spans, and of log records where SPANLOOM_LOG_FORMAT is set: `info,shop.cart=debug`.",
        _parsed(parse_levels),
        "info",
    )
    yield Variable(
        "SPANLOOM_TRUST_INCOMING",
        "Whose `traceparent`, `tracestate` and `baggage` are accepted: `false` nobody's, `true` everybody's, or those "
        "of callers in the listed networks (`10.0.0.0/8,fd00::/8`).",
        _parsed(parse_trust),
        "false",
    )
    yield Variable(
        "SPANLOOM_FLUSH_TIMEOUT",
        "Seconds that the end of the process waits for its telemetry to be sent.",
        checks.number(0, MAX_TIMEOUT_SECONDS, " seconds"),
        "5",
    )
    yield Variable(
        "SPANLOOM_LOG_FORMAT",
        "`json`: records of loggers without a handler of the application are written to standard error as JSON, with "
        "the ids of trace and span. Unset: logging is as the application configures it.",
        checks.one_of("json"),
    )
    yield Variable("SPANLOOM_INJECTED", "Written by the operator beside the variables it injects; not read.")


def _general() -> Iterator[Variable]:
    yield Variable("OTEL_SDK_DISABLED", "`true` switches all telemetry off.", checks.boolean, "false")
    yield Variable("OTEL_SERVICE_NAME", "Name of the service.", default="unknown_service")
    yield Variable("OTEL_RESOURCE_ATTRIBUTES", "Attributes of the resource: `name=value,…`.", checks.pairs)
    yield Variable(
        "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS",
        "Further resource detectors.",
        checks.installed("opentelemetry_resource_detector", "*"),
    )
    yield Variable(
        "OTEL_PROPAGATORS",
        "Formats of trace context. Read by `opentelemetry-instrument` before any distribution.",
        checks.installed("opentelemetry_propagator", "none"),
        "tracecontext,baggage",
    )
    yield Variable(
        "OTEL_SEMCONV_STABILITY_OPT_IN",
        "Semantic conventions of instrumentations from OpenTelemetry's contrib.",
        default="http,database",
        is_ours=True,
    )
    yield Variable("OTEL_LOG_LEVEL", "Not used by the SDK for Python.")
    for name in ("OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE"):
        reason = "declarative configuration is not supported; set OTEL_* variables instead"
        yield Variable(name, "Refused: declarative configuration is not supported yet.", checks.refused(reason))


def _sampling_and_batches() -> Iterator[Variable]:
    yield Variable(
        "OTEL_TRACES_SAMPLER",
        "Sampler of new traces.",
        checks.installed("opentelemetry_traces_sampler", several=False),
        "parentbased_always_on",
    )
    yield Variable("OTEL_TRACES_SAMPLER_ARG", "Argument of the sampler: for `…traceidratio` a ratio from 0 to 1.")
    # 2,048 spans overflow within 10 s of outage at 200 spans a second; a queued span takes about 1 kB.
    for processor, what, size, is_ours in (("BSP", "spans", "8192", True), ("BLRP", "log records", "2048", False)):
        count, milliseconds = checks.whole_number(1), checks.whole_number(1, " of milliseconds")
        prefix = f"OTEL_{processor}_"
        yield Variable(f"{prefix}MAX_QUEUE_SIZE", f"Queued {what}; more are dropped.", count, size, is_ours=is_ours)
        yield Variable(f"{prefix}MAX_EXPORT_BATCH_SIZE", f"Most {what} of one export.", count, "512")
        delay = "5000" if processor == "BSP" else "1000"
        yield Variable(f"{prefix}SCHEDULE_DELAY", f"Milliseconds between two exports of {what}.", milliseconds, delay)
        yield Variable(f"{prefix}EXPORT_TIMEOUT", f"Milliseconds for an export of {what}.", milliseconds, "30000")
    interval = checks.number(1, 86_400_000, " milliseconds")
    yield Variable("OTEL_METRIC_EXPORT_INTERVAL", "Milliseconds between two exports of metrics.", interval, "60000")
    yield Variable("OTEL_METRIC_EXPORT_TIMEOUT", "Milliseconds for an export of metrics.", interval, "30000")
    yield Variable(
        "OTEL_METRICS_EXEMPLAR_FILTER",
        "Which measurements may become exemplars.",
        checks.one_of("always_on", "always_off", "trace_based"),
        "trace_based",
    )


def _limits() -> Iterator[Variable]:
    count = checks.whole_number(0, also=("unset",))
    # Characters. A stack trace under a web framework takes 10,000; a limit cuts its end, which names the error.
    yield Variable(
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "Characters of an attribute's value.", count, "32768", is_ours=True
    )
    yield Variable("OTEL_ATTRIBUTE_COUNT_LIMIT", "Attributes of anything that has attributes.", count, "128")
    for kind in ("SPAN", "LOGRECORD"):
        yield Variable(f"OTEL_{kind}_ATTRIBUTE_VALUE_LENGTH_LIMIT", "Characters of an attribute's value.", count)
        yield Variable(f"OTEL_{kind}_ATTRIBUTE_COUNT_LIMIT", f"Attributes of a {kind.lower()}.", count, "128")
    for kind in ("EVENT", "LINK"):
        yield Variable(f"OTEL_SPAN_{kind}_COUNT_LIMIT", f"{kind.capitalize()}s of a span.", count, "128")
        yield Variable(f"OTEL_{kind}_ATTRIBUTE_COUNT_LIMIT", f"Attributes of an {kind.lower()}.", count, "128")


def _python() -> Iterator[Variable]:
    for name, group, default in (
        ("ID_GENERATOR", "opentelemetry_id_generator", "random"),
        ("CONTEXT", "opentelemetry_context", "contextvars_context"),
        ("TRACER_PROVIDER", "opentelemetry_tracer_provider", ""),
        ("METER_PROVIDER", "opentelemetry_meter_provider", ""),
        ("LOGGER_PROVIDER", "opentelemetry_logger_provider", ""),
        ("TRACER_CONFIGURATOR", "_opentelemetry_tracer_configurator", ""),
        ("METER_CONFIGURATOR", "_opentelemetry_meter_configurator", ""),
        ("LOGGER_CONFIGURATOR", "_opentelemetry_logger_configurator", ""),
    ):
        check = checks.installed(group, several=False)
        yield Variable(f"OTEL_PYTHON_{name}", f"Name of the entry point in `{group}`.", check, default)
    yield Variable("OTEL_PYTHON_CONFIGURATOR", "Name of the configurator.", default="spanloom", is_ours=True)
    yield Variable("OTEL_PYTHON_DISTRO", "`spanloom` chooses this distribution.")
    yield Variable("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "Names of instrumentations to leave out; `*`: all of them.")
    for key in EXCLUDED_URLS:
        default = DEFAULT_EXCLUDED if key == EXCLUDED_URLS[-1] else ""
        yield Variable(key, "Regular expressions of paths that make no telemetry, by commas.", default=default)
    yield Variable(
        "OTEL_PYTHON_LOG_CORRELATION",
        "`true`: every log record carries `otelTraceID`, `otelSpanID`, `otelTraceSampled` and `otelServiceName`. "
        "They are there without it as soon as a log format names one of them.",
        checks.boolean,
        "false",
    )
    yield Variable("OTEL_PYTHON_LOG_CODE_ATTRIBUTES", "`true`: log records sent by OTLP say where they were written.",
                   checks.boolean, "false")  # fmt: skip
    yield Variable("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "`true`: metrics of the SDK's queues and exporters.",
                   checks.boolean, "false")  # fmt: skip


GROUPS: dict[str, tuple[Variable, ...]] = {
    "Distribution": tuple(_distribution()),
    "Resource, context and conventions": tuple(_general()),
    "Exporters": tuple(exporters()),
    "Sampling, batches and metrics": tuple(_sampling_and_batches()),
    "Limits": tuple(_limits()),
    "Python": tuple(_python()),
}
"""All variables by the heading of the reference (docs/configuration.md)."""

VARIABLES = tuple(variable for group in GROUPS.values() for variable in group)
