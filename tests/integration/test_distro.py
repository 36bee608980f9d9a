"""The distribution in a process of its own."""

from __future__ import annotations

import pytest
from support.processes.traced_app import traced_app


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("SPANLOOM_FILTER", "info,loud", "spanloom: SPANLOOM_FILTER='loud' is not understood; expected LEVEL"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10000", "spanloom: OTEL_EXPORTER_OTLP_TIMEOUT='10000' is not understood"),
    ],
)
def test_an_invalid_setting_stops_the_process(key: str, value: str, expected: str) -> None:
    """An invalid setting ends the process with one line, before the application is loaded."""
    with traced_app("http://127.0.0.1:9", **{key: value}) as app:
        assert 78 == app.end()
    assert app.output.startswith(expected)
    assert 1 == len(app.output.splitlines())
