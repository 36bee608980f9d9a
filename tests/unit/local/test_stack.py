"""The environment of the services."""

from spanloom_local.stack import environment


def test_telemetry_settings_of_the_shell_are_removed() -> None:
    """OTEL_*, SPANLOOM_* and USERS_* of the shell are removed; other variables are inherited."""
    inherited = {"PATH": "/bin", "OTEL_SDK_DISABLED": "true", "SPANLOOM_FILTER": "off", "USERS_DB_POOL_SIZE": "1"}
    actual = environment(inherited, "users-api", "http://127.0.0.1:1", {})
    assert {("PATH", "/bin")} == inherited.items() & actual.items()


def test_a_proxy_is_not_used_for_this_machine() -> None:
    """Behind a proxy the services still connect to the receiver and to one another."""
    actual = environment({"NO_PROXY": "corp.example", "HTTP_PROXY": "http://proxy:3128"}, "users-api", "http://x", {})
    assert ("*", "*") == (actual["NO_PROXY"], actual["no_proxy"])


def test_a_service_has_its_name_and_endpoint() -> None:
    """Endpoint and protocol are set together; settings of the stack take precedence."""
    actual = environment({}, "users-api", "http://127.0.0.1:1", {"SPANLOOM_FILTER": "warn"})
    expected = {
        "OTEL_PYTHON_DISTRO": "spanloom",
        "OTEL_SERVICE_NAME": "users-api",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "SPANLOOM_FILTER": "warn",
    }
    assert expected.items() <= actual.items()
