"""All environment variables that the distribution or the SDK for Python reads, each declared once.

Validation, defaults and the reference in docs/configuration.md are derived from these declarations. Names and meanings:
OpenTelemetry specification, "Environment Variable Specification", and the SDK for Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanloom.settings import checks
from spanloom.settings.excluded_paths import DEFAULT as DEFAULT_EXCLUDED
from spanloom.settings.excluded_paths import KEYS as EXCLUDED_URLS
from spanloom.settings.exporters import MAX_TIMEOUT_SECONDS, exporters
from spanloom.settings.levels import parse_levels
from spanloom.settings.remote_sampling import SAMPLERS as REMOTE_SAMPLERS
from spanloom.settings.trust import parse_trust
from spanloom.settings.variable import Variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spanloom.settings.checks import Check


def _check_by_parsing(parse: Callable[[str], object]) -> Check:
    def check(_key: str, value: str) -> str:
        parse(value)
        return value

    return check


def _distribution() -> Iterator[Variable]:
    yield Variable(
        "SPANLOOM_FILTER",
        "Levels of function spans, and of log records where SPANLOOM_LOG_FORMAT is set: `info,shop.cart=debug`.",
        _check_by_parsing(parse_levels),
        "info",
    )
    yield Variable(
        "SPANLOOM_TRUST_INCOMING",
        "Callers whose `traceparent`, `tracestate` and `baggage` are accepted: `false` none, `true` all, or callers in "
        "the listed networks (`10.0.0.0/8,fd00::/8`).",
        _check_by_parsing(parse_trust),
        "false",
    )
    yield Variable(
        "SPANLOOM_FLUSH_TIMEOUT",
        "Maximum duration of the final flush at process exit, in seconds.",
        checks.number(0, MAX_TIMEOUT_SECONDS, " seconds"),
        "5",
    )
    yield Variable(
        "SPANLOOM_LOG_FORMAT",
        "`json`: log records that no handler of the application processes are written to standard error as JSON, with "
        "trace and span ids. Unset: the logging configuration of the application is unchanged.",
        checks.one_of("json"),
    )
    yield Variable(
        "SPANLOOM_INJECTED",
        "Set by the operator together with the variables that it injects; not read by the distribution.",
    )


ROOT_SAMPLERS = ("always_on", "always_off", "traceidratio")  # specification, "Built-in samplers"
SAMPLERS = (*ROOT_SAMPLERS, *(f"parentbased_{name}" for name in ROOT_SAMPLERS), *REMOTE_SAMPLERS)


def _general() -> Iterator[Variable]:
    yield Variable("OTEL_SDK_DISABLED", "`true` disables all telemetry.", checks.boolean, "false")
    yield Variable("OTEL_SERVICE_NAME", "Name of the service.", default="unknown_service")
    yield Variable("OTEL_RESOURCE_ATTRIBUTES", "Attributes of the resource: `name=value,…`.", checks.pairs)
    yield Variable(
        "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS",
        "Additional resource detectors.",
        checks.entry_point_names("opentelemetry_resource_detector", "*"),
    )
    yield Variable(
        "OTEL_PROPAGATORS",
        "Formats of trace context. Read by `opentelemetry-instrument` before any distribution.",
        checks.entry_point_names("opentelemetry_propagator", "none", "tracecontext", "baggage"),
        "tracecontext,baggage",
    )
    yield Variable(
        "OTEL_SEMCONV_STABILITY_OPT_IN",
        "Semantic conventions of instrumentations from OpenTelemetry's contrib.",
        default="http,database",
        overrides_sdk=True,
    )
    yield Variable("OTEL_LOG_LEVEL", "Not used by the SDK for Python.")
    for name in ("OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE"):
        reason = "declarative configuration is not supported; set OTEL_* variables instead"
        yield Variable(name, "Not accepted: declarative configuration is not supported.", checks.unsupported(reason))


def _sampling_and_batches() -> Iterator[Variable]:
    yield Variable(
        "OTEL_TRACES_SAMPLER",
        "Sampler of new traces.",
        checks.entry_point_names("opentelemetry_traces_sampler", *SAMPLERS, is_list=False),
        "parentbased_always_on",
    )
    yield Variable(
        "OTEL_TRACES_SAMPLER_ARG",
        "Argument of the sampler: for `…traceidratio` a ratio from 0 to 1, for `…jaeger_remote` an address of Jaeger's "
        "HTTP endpoint for strategies, an interval of at least 100 ms, and the ratio before the first response: "
        "`endpoint=http://localhost:5778,pollingIntervalMs=60000,initialSamplingRate=0.001` (the defaults).",
    )
    # 2,048 spans overflow within 10 s of outage at 200 spans a second; a queued span takes about 1 kB.
    for processor, items, size, overrides in (("BSP", "spans", "8192", True), ("BLRP", "log records", "2048", False)):
        count, milliseconds = checks.integer(1), checks.integer(1, " (milliseconds)")
        prefix = f"OTEL_{processor}_"
        yield Variable(
            f"{prefix}MAX_QUEUE_SIZE",
            f"Maximum number of queued {items}; further ones are dropped.",
            count,
            size,
            overrides_sdk=overrides,
        )
        yield Variable(f"{prefix}MAX_EXPORT_BATCH_SIZE", f"Maximum number of {items} in one export.", count, "512")
        delay = "5000" if processor == "BSP" else "1000"
        yield Variable(
            f"{prefix}SCHEDULE_DELAY", f"Interval between exports of {items}, in milliseconds.", milliseconds, delay
        )
        yield Variable(
            f"{prefix}EXPORT_TIMEOUT", f"Timeout of an export of {items}, in milliseconds.", milliseconds, "30000"
        )
    interval = checks.number(1, 86_400_000, " milliseconds")
    yield Variable(
        "OTEL_METRIC_EXPORT_INTERVAL", "Interval between exports of metrics, in milliseconds.", interval, "60000"
    )
    yield Variable("OTEL_METRIC_EXPORT_TIMEOUT", "Timeout of an export of metrics, in milliseconds.", interval, "30000")
    yield Variable(
        "OTEL_METRICS_EXEMPLAR_FILTER",
        "Measurements that are eligible as exemplars.",
        checks.one_of("always_on", "always_off", "trace_based"),
        "trace_based",
    )


def _limits() -> Iterator[Variable]:
    count = checks.integer(0, keywords=("unset",))
    # Characters. A stack trace under a web framework takes 10,000; a limit cuts its end, which names the error.
    yield Variable(
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        "Maximum length of an attribute value, in characters.",
        count,
        "32768",
        overrides_sdk=True,
    )
    yield Variable(
        "OTEL_ATTRIBUTE_COUNT_LIMIT", "Maximum number of attributes of a span, event, link or log record.", count, "128"
    )
    for kind in ("SPAN", "LOGRECORD"):
        yield Variable(
            f"OTEL_{kind}_ATTRIBUTE_VALUE_LENGTH_LIMIT", "Maximum length of an attribute value, in characters.", count
        )
        yield Variable(
            f"OTEL_{kind}_ATTRIBUTE_COUNT_LIMIT", f"Maximum number of attributes of a {kind.lower()}.", count
        )
    for kind in ("EVENT", "LINK"):
        yield Variable(f"OTEL_SPAN_{kind}_COUNT_LIMIT", f"Maximum number of {kind.lower()}s of a span.", count, "128")
        yield Variable(
            f"OTEL_{kind}_ATTRIBUTE_COUNT_LIMIT", f"Maximum number of attributes of each {kind.lower()}.", count
        )


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
        check = checks.entry_point_names(group, *filter(None, [default]), is_list=False)
        yield Variable(f"OTEL_PYTHON_{name}", f"Name of the entry point in `{group}`.", check, default)
    yield Variable("OTEL_PYTHON_CONFIGURATOR", "Name of the configurator.", default="spanloom", overrides_sdk=True)
    yield Variable("OTEL_PYTHON_DISTRO", "`spanloom` selects this distribution.")
    yield Variable(
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
        "Names of instrumentations to disable, separated by commas; `*` disables all.",
    )
    for key in EXCLUDED_URLS:
        default = DEFAULT_EXCLUDED if key == EXCLUDED_URLS[-1] else ""
        yield Variable(
            key, "Regular expressions of request paths without telemetry, separated by commas.", default=default
        )
    yield Variable(
        "OTEL_PYTHON_LOG_CORRELATION",
        "`true`: every log record carries `otelTraceID`, `otelSpanID`, `otelTraceSampled` and `otelServiceName`. "
        "They are also set as soon as a log format contains one of them.",
        checks.boolean,
        "false",
    )
    yield Variable(
        "OTEL_PYTHON_LOG_CODE_ATTRIBUTES",
        "`true`: OTLP log records carry `code.*` attributes (file, function, line).",
        checks.boolean,
        "false",
    )
    yield Variable(
        "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED",
        "`true`: export metrics of the SDK's queues and exporters.",
        checks.boolean,
        "false",
    )


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
