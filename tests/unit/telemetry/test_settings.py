"""Settings from the environment."""

import pytest

from spanloom.errors import ConfigurationError
from spanloom.filter import LEVELS
from spanloom.settings import DEFAULTS, Settings


def test_defaults_are_accepted() -> None:
    """What the distribution sets by itself passes its own checks."""
    settings = Settings.from_environ(DEFAULTS)
    assert (LEVELS["info"], False, 5.0) == (
        settings.filter.default,
        settings.boundary.everyone,
        settings.flush_timeout,
    )


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("SPANLOOM_FILTER", "loud", "LEVEL or TARGET=LEVEL"),
        ("SPANLOOM_TRUST_INCOMING", "maybe", "true, false, or networks"),
        ("SPANLOOM_FLUSH_TIMEOUT", "soon", "a number from 0 to 600 seconds"),
        ("SPANLOOM_FILTR", "info", "the name SPANLOOM_FILTER"),
        ("SPANLOOM_COLOUR_OF_TREES", "info", "SPANLOOM_FILTER or SPANLOOM_TRUST_INCOMING or SPANLOOM_FLUSH_TIMEOUT"),
        ("OTEL_TRACES_EXPORTER", "otpl", "console, none, otlp, otlp_proto_http, tree"),
        ("OTEL_METRICS_EXPORTER", "statsd", "otlp"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "a URL such as"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://[", "a URL such as"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10000", "600 seconds"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "nan", "600 seconds"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key", "name=value pairs"),
        ("OTEL_TRACES_SAMPLER", "sometimes", "parentbased_always_on"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-1", "a whole number above 0"),
        ("OTEL_PYTHON_EXCLUDED_URLS", "healthz,(", "a regular expression"),
    ],
)
def test_what_is_not_understood_is_named(key: str, value: str, expected: str) -> None:
    """A wrong variable is named together with what was expected."""
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environ({key: value})
    assert str(caught.value).startswith(f"{key}=")
    assert expected in str(caught.value)


def test_headers_are_never_shown() -> None:
    """A malformed header list may hold a key, so the message does not quote it."""
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environ({"OTEL_EXPORTER_OTLP_HEADERS": "api-key: s3cret"})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "key",
    ["SPANLOOM_JAEGER_SERVICE_HOST", "SPANLOOM_PORT", "SPANLOOM_JAEGER_PORT_4317_TCP_ADDR", "SPANLOOM_OPERATOR_GRACE"],
)
def test_what_others_set_is_no_mistake(key: str) -> None:
    """What Kubernetes adds for a Service named spanloom-…, and what the operator is told, does not stop a process."""
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
def test_quiet_paths(environ: dict[str, str], path: str, expected: bool) -> None:
    """Probes are quiet by default; OpenTelemetry's own variables say otherwise."""
    assert expected == bool(Settings.from_environ(environ).quiet_paths.search(path))
