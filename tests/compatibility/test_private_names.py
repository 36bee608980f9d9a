"""Each private name of OpenTelemetry taken away in turn: spans and metrics still leave, and one line says so."""

from __future__ import annotations

import json

from spanloom.sdk.private import METRIC_NAMES, RETRY_NAMES, SPAN_NAMES


def test_without_any_private_name_telemetry_takes_the_public_path(bare, receiver, arrived) -> None:
    """The same tree in every case; without a name of spans or metrics one line, without one of retries none."""
    settings = {
        "OTEL_PYTHON_DISTRO": "spanloom",
        "OTEL_SERVICE_NAME": "stranger",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "celery,requests,django,flask",
    }
    names = [(name.module, name.path) for name in (*SPAN_NAMES, *METRIC_NAMES, *RETRY_NAMES)]
    with bare("nameless", ["python", "{app}.py", json.dumps(names)], **settings) as program:
        assert 0 == program.wait(170)
    outcomes = json.loads(program.out)
    assert [3] * (len(names) + 2) == [status for status, _ in outcomes], outcomes
    tried = len(SPAN_NAMES) + len(METRIC_NAMES)
    expected = [0, *[1] * tried, *[0] * (len(RETRY_NAMES) + 1)]
    assert expected == [said.count("does not support the fast path") for _, said in outcomes]
    assert not any("Traceback" in said for _, said in outcomes)
    trees = [f"INTERNAL outer\n  INTERNAL manual {number}\n    INTERNAL inner" for number in range(len(outcomes))]
    assert sorted(trees) == arrived.shapes()
    counts = {
        metric.name: [point.count for point in metric.histogram.data_points]
        for resource in receiver.store.metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name.startswith("duration")
    }
    assert {f"duration.{number}": [3] for number in range(len(outcomes))} == counts
