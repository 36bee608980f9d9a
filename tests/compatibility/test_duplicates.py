"""docs/troubleshooting.md, "Duplicate spans": an application that calls an instrumentation itself."""

from __future__ import annotations

import pytest
from compatibility.programs import DISTRIBUTION, program

COMMAND = ["python", "instrumented_twice.py", "{port}"]


@pytest.mark.parametrize(
    ("disabled", "count"), [("", 2), ("wsgi", 1)], ids=["both of them", "the distribution's hook disabled"]
)
def test_a_request_has_a_span_of_each_instrumentation(disabled: str, count: int, home, receiver, arrived) -> None:
    """Two spans for a request, and one again with the remedy that keeps the application's instrumentation."""
    environ = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": disabled}
    with program(home, "instrumented_twice", COMMAND, DISTRIBUTION.to(receiver.url), **environ) as app:
        app.send("/orders/7")
        app.end()

    assert count == sum(arrived.names().values())
