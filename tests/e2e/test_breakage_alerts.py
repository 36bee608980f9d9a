"""The alert of a breakage's page: caused by the breakage under load, in a real Prometheus with the chart's rules.

The services run on this machine; no cluster is used. `make breakages` causes every alert, the usual run one.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from support.builders.breakage_paths import alerts
from support.cluster.prometheus import query
from support.polling import poll_until
from support.processes.commands import free_port
from support.processes.prometheus import firing, running_prometheus, until_clears, until_fires

from spanloom_local.breaking import REPAIR, Breaker
from spanloom_local.receiver import Receiver
from spanloom_local.stack import Stack, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)

IN_THE_GATE = "pool-exhaustion"
MORE = {"downstream-outage": ("RequestErrorBudgetBurn",)}
"""Further alerts that a breakage causes."""
RATE, USUAL_RATE = 20, 5  # more than the usual rate would overload a service whose event loop is blocked
REQUESTS = "sum(http_server_request_duration_seconds_count)"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Cause one alert, or every alert with --whole."""
    if "breakage" in metafunc.fixturenames:
        names = [name for name, alert in alerts().items() if alert]
        metafunc.parametrize("breakage", names if metafunc.config.getoption("--whole") else [IN_THE_GATE])


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def stack(port: int) -> Iterator[Stack]:
    """Run the stack; its metrics go to the Prometheus of each test."""
    metrics = {
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"http://127.0.0.1:{port}/api/v1/otlp/v1/metrics",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
    }
    with Receiver() as receiver, running(receiver, extra=metrics) as found:
        yield found


@contextmanager
def loaded(url: str, rate: int) -> Iterator[None]:
    """Send the load inside the block."""
    with subprocess.Popen([sys.executable, "-m", "spanloom_local.load", url, "--rate", str(rate)]) as load:
        try:
            yield
        finally:
            load.terminate()


def has_requests(prometheus: str) -> bool:
    """Return whether the load has created more users than one page has."""
    return any(float(series["value"][1]) > 300 for series in query(prometheus, "query", query=REQUESTS)["result"])


def test_a_breakage_causes_its_alert(breakage: str, stack: Stack, port: int, tmp_path: Path) -> None:
    """Under load no alert fires; during the breakage, the one that its page names does, and after it no longer."""
    breaker = Breaker(stack)
    with running_prometheus(tmp_path, port) as prometheus:
        with loaded(stack.url, RATE):
            poll_until(lambda: has_requests(prometheus), "the load is recorded", 90)
        assert set() == firing(prometheus)

        breaker.follow(breakage)
        with loaded(stack.url, USUAL_RATE):
            for alert in (alerts()[breakage], *MORE.get(breakage, ())):
                until_fires(prometheus, alert)
            breaker.follow(REPAIR)
            for alert in (alerts()[breakage], *MORE.get(breakage, ())):
                until_clears(prometheus, alert)
