"""The environment of the services."""

from spanloom_local.stack import environment


def test_settings_meant_for_others_do_not_reach_the_services() -> None:
    """OTEL_*, SPANLOOM_* and USERS_* of the caller's shell would change what the demo shows; the rest is kept."""
    inherited = {"PATH": "/bin", "OTEL_SDK_DISABLED": "true", "SPANLOOM_FILTER": "off", "USERS_DB_POOL_SIZE": "1"}
    actual = environment(inherited, "users-api", "http://127.0.0.1:1", {})
    assert {("PATH", "/bin")} == inherited.items() & actual.items()


def test_a_proxy_is_not_asked_for_this_machine() -> None:
    """Behind a company's proxy the services still reach the receiver and one another."""
    actual = environment({"NO_PROXY": "corp.example", "HTTP_PROXY": "http://proxy:3128"}, "users-api", "http://x", {})
    assert ("*", "*") == (actual["NO_PROXY"], actual["no_proxy"])


def test_a_service_is_told_its_name_and_where_to_send() -> None:
    """The endpoint and the protocol always go as a pair; what the stack adds wins."""
    actual = environment({}, "users-api", "http://127.0.0.1:1", {"SPANLOOM_FILTER": "warn"})
    expected = {
        "OTEL_PYTHON_DISTRO": "spanloom",
        "OTEL_SERVICE_NAME": "users-api",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "SPANLOOM_FILTER": "warn",
    }
    assert expected.items() <= actual.items()
