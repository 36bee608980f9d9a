"""Settings from the environment."""

import importlib

import pytest

from spanloom.settings import Settings, SettingsError
from spanloom.settings.declarations import VARIABLES
from spanloom.settings.environment import apply_defaults, canonical_values
from spanloom.settings.levels import LEVELS
from spanloom.settings.remote_sampling import RemoteSampling, parse_remote_sampling


def test_defaults_are_accepted() -> None:
    """An empty environment is valid, and what the distribution sets by itself passes its own checks."""
    environ: dict[str, str] = {}
    apply_defaults(environ)
    settings = Settings.from_environ(environ)
    assert (LEVELS["info"], False, 5.0, "", False) == (
        settings.level_filter.default,
        settings.trust.trusts_all,
        settings.flush_timeout_seconds,
        settings.log_format,
        settings.has_log_export,
    )


WRONG = [
    ("SPANLOOM_FILTER", "loud", "LEVEL or TARGET=LEVEL"),
    ("SPANLOOM_TRUST_INCOMING", "maybe", "true, false, or networks"),
    ("SPANLOOM_FLUSH_TIMEOUT", "soon", "a number from 0 to 600 seconds"),
    ("SPANLOOM_LOG_FORMAT", "text", "one of json"),
    ("SPANLOOM_FILTR", "info", "the name SPANLOOM_FILTER"),
    ("SPANLOOM_COLOUR_OF_TREES", "info", "SPANLOOM_FILTER or SPANLOOM_TRUST_INCOMING or SPANLOOM_FLUSH_TIMEOUT"),
    ("OTEL_SDK_DISABLED", "1", "one of true, false"),
    ("OTEL_CONFIG_FILE", "x.yaml", "declarative configuration is not supported"),
    ("OTEL_TRACES_EXPORTER", "otpl", "console, none, otlp, otlp_proto_http, tree"),
    ("OTEL_METRICS_EXPORTER", "statsd", "otlp"),
    ("OTEL_LOGS_EXPORTER", "file", "otlp"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "http/protobuf"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "a URL such as"),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://[", "a URL such as"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "10000", "600 seconds"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "nan", "600 seconds"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "api-key", "name=value pairs"),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip", "one of none, gzip, deflate"),
    ("OTEL_EXPORTER_OTLP_INSECURE", "yes", "one of true, false"),
    ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "both", "one of cumulative, delta, lowmemory"),
    ("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "x", "one of explicit_bucket_histogram"),
    ("OTEL_RESOURCE_ATTRIBUTES", "team", "name=value pairs"),
    ("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "moon", "one or several of"),
    ("OTEL_PROPAGATORS", "b4", "tracecontext"),
    ("OTEL_TRACES_SAMPLER", "sometimes", "parentbased_always_on"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "-1", "an integer, 1 or more"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "256", "512 or more, which is OTEL_BSP_MAX_EXPORT_BATCH_SIZE"),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "9000", "8192 or less, which is OTEL_BSP_MAX_QUEUE_SIZE"),
    ("OTEL_BLRP_MAX_QUEUE_SIZE", "9", "512 or more"),
    ("OTEL_BSP_SCHEDULE_DELAY", "5s", "an integer (milliseconds)"),
    ("OTEL_METRIC_EXPORT_INTERVAL", "often", "milliseconds"),
    ("OTEL_METRICS_EXEMPLAR_FILTER", "sometimes", "one of always_on, always_off, trace_based"),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "abc", "an integer, 0 or more, or unset"),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", "-1", "an integer, 0 or more, or unset"),
    ("OTEL_PYTHON_ID_GENERATOR", "nope", "one of random"),
    ("OTEL_PYTHON_EXCLUDED_URLS", "healthz,(", "a regular expression"),
    ("OTEL_PYTHON_LOG_CORRELATION", "yes", "one of true, false"),
]


@pytest.mark.parametrize(("key", "value", "expected"), WRONG)
def test_what_is_not_understood_is_named(key: str, value: str, expected: str) -> None:
    """A wrong variable is named together with what was expected."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({key: value})
    assert str(caught.value).startswith(f"{key}=")
    assert expected in str(caught.value)


def test_a_ratio_is_checked_where_the_sampler_takes_one() -> None:
    """Other samplers have arguments of their own kind."""
    with pytest.raises(SettingsError, match="a ratio"):
        Settings.from_environ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"})
    Settings.from_environ({"OTEL_TRACES_SAMPLER": "always_on", "OTEL_TRACES_SAMPLER_ARG": "endpoint=x"})


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("0.5", "endpoint=http://localhost:5778,pollingIntervalMs=60000,initialSamplingRate=0.001"),
        ("endpoint=http://a,endpoint=http://b", "endpoint=http://localhost:5778,pollingIntervalMs=60000"),
        ("rate=1", "initialSamplingRate=0.001"),
        ("endpoint=jaeger:5778", "a URL"),
        ("pollingIntervalMs=99", "a number from 100 to 8.64e+07 milliseconds"),
        ("initialSamplingRate=2", "a number from 0 to 1, a ratio"),
    ],
)
def test_the_argument_of_a_remote_sampler_is_checked(argument: str, expected: str) -> None:
    """Its three fields, each at most once, and their values."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({"OTEL_TRACES_SAMPLER": "jaeger_remote", "OTEL_TRACES_SAMPLER_ARG": argument})
    assert str(caught.value).startswith("OTEL_TRACES_SAMPLER_ARG=")
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("", RemoteSampling("http://localhost:5778/sampling", 60.0, 0.001)),
        ("endpoint=http://j:1/,pollingIntervalMs=500", RemoteSampling("http://j:1/sampling", 0.5, 0.001)),
        (" endpoint = https://j/own , initialSamplingRate=0.25", RemoteSampling("https://j/own", 60.0, 0.25)),
    ],
)
def test_the_argument_of_a_remote_sampler(argument: str, expected: RemoteSampling) -> None:
    """What is left out has its default; an endpoint without a path gets Jaeger's."""
    assert expected == parse_remote_sampling("OTEL_TRACES_SAMPLER_ARG", argument)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("OTEL_TRACES_SAMPLER", " ALWAYS_ON", "always_on"),
        ("OTEL_TRACES_EXPORTER", "OTLP, Console", "otlp,console"),
        ("OTEL_SDK_DISABLED", "True", "true"),
        ("OTEL_METRICS_EXEMPLAR_FILTER", "Trace_Based", "trace_based"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "DELTA", "delta"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "GZIP", "gzip"),
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "Unset", "unset"),
    ],
)
def test_enumerations_take_any_case(key: str, value: str, expected: str) -> None:
    """The SDK, which is stricter than the specification, reads the canonical form."""
    environ = {key: value}
    apply_defaults(environ)
    assert expected == environ[key]


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_an_empty_variable_is_unset(variable) -> None:
    """Empty means what absent means (specification, "Parsing empty value"), for the settings and for the SDK."""
    empty, absent = {variable.name: ""}, {}
    apply_defaults(empty)
    apply_defaults(absent)
    if variable.name.endswith("EXCLUDED_URLS"):  # an empty list excludes nothing
        assert "" == empty.pop(variable.name)
    assert absent == empty
    assert canonical_values({}) == canonical_values(empty)


MODULES = ("opentelemetry.environment_variables", "opentelemetry.sdk.environment_variables",
           "opentelemetry.instrumentation.environment_variables")  # fmt: skip
# Read by exporters that are not installed here, or by `opentelemetry-instrument` itself.
ELSEWHERE = ("ZIPKIN", "CREDENTIAL_PROVIDER", "GRPC_RETRYABLE", "AUTO_INSTRUMENTATION")


@pytest.mark.parametrize("module", MODULES)
def test_every_variable_of_the_sdk_is_declared(module: str) -> None:
    """A variable that OpenTelemetry reads is checked here; a new one in another version is noticed by this test."""
    declared = {variable.name for variable in VARIABLES}
    values = [value for value in vars(importlib.import_module(module)).values() if isinstance(value, str)]
    unknown = {value for value in values if value.startswith("OTEL_")} - declared
    assert [] == sorted(name for name in unknown if not any(part in name for part in ELSEWHERE))


def test_headers_are_never_shown() -> None:
    """A malformed header list may hold a key, so the message does not quote it."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({"OTEL_EXPORTER_OTLP_HEADERS": "api-key: s3cret"})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "key",
    ["SPANLOOM_JAEGER_SERVICE_HOST", "SPANLOOM_PORT", "SPANLOOM_JAEGER_PORT_4317_TCP_ADDR", "SPANLOOM_OPERATOR_GRACE",
     "SPANLOOM_INJECTED"],
)  # fmt: skip
def test_what_others_set_is_no_mistake(key: str) -> None:
    """Kubernetes' variables for a Service named spanloom-…, the operator's settings and its marker are accepted."""
    Settings.from_environ({key: "10.96.0.1"})


@pytest.mark.parametrize(
    ("environ", "path", "expected"),
    [
        ({}, "/healthz", True),
        ({}, "/users/healthz", False),
        ({}, "/users", False),
        ({"OTEL_PYTHON_EXCLUDED_URLS": "^/ping"}, "/ping", True),
        ({"OTEL_PYTHON_EXCLUDED_URLS": "^/ping"}, "/healthz", False),
        ({"OTEL_PYTHON_EXCLUDED_URLS": ""}, "/healthz", False),
        ({"OTEL_PYTHON_EXCLUDED_URLS": "a", "OTEL_PYTHON_FASTAPI_EXCLUDED_URLS": "^/b$"}, "/b", True),
    ],
)
def test_excluded_paths(environ: dict[str, str], path: str, expected: bool) -> None:
    """Probes are excluded by default; OpenTelemetry's own variables replace the list."""
    assert expected == bool(Settings.from_environ(environ).excluded_paths.search(path))
