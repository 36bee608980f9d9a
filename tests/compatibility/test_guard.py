"""A fault raised in every function of the distribution in turn: the application does not notice."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.timeout(3600)


@pytest.mark.parametrize("kind", ["functions", "lines"])
def test_a_fault_in_any_function_of_a_hook_changes_no_response(kind: str, bare, traced, every: str) -> None:
    """Requests, statements, pools, clients, WebSockets, functions and spans by hand work as without telemetry."""
    every = every if kind == "functions" or every == "1" else "40"
    with bare("everything", ["python", "{app}.py", "bare"]) as without:
        assert 0 == without.wait()
    with traced("everything", ["python", "{app}.py", every, kind], OTEL_METRICS_EXPORTER="otlp") as faulty:
        assert 0 == faulty.wait(3000)
    report = json.loads(faulty.out)
    assert {} == report["different"]
    assert json.loads(without.out) == report["expected"]
    assert report["hit"] > 100 // int(every)  # functions, or lines, that the application reaches


def test_a_fault_in_any_function_at_the_start_is_one_line(bare, receiver, every: str) -> None:
    """Whatever fails while the distribution is configured, the application starts, and no traceback is printed."""
    settings = {
        "OTEL_PYTHON_DISTRO": "spanloom",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "celery,requests",
    }
    with bare("starting", ["python", "{app}.py", every], **settings) as faulty:
        assert 0 == faulty.wait(600)
    report = json.loads(faulty.out)
    assert {} == report["different"]
    assert report["hit"] > 60
