"""The configurations inside the ConfigMaps are accepted by the programs that read them."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from charts.rendering import cases_with, named, need

if TYPE_CHECKING:
    from pathlib import Path

    from charts.rendering import Case

COLLECTORS, JAEGERS = cases_with("otel-collector"), cases_with("jaeger")
MOUNTED = re.compile(r"/etc/(?:otelcol|jaeger)/[\w.-]+/(?:token|key|password|ca\.crt|tls\.crt|tls\.key)")


def _text(case: Case, part: str) -> str:
    text: str = named(case, "ConfigMap", f"demo-{part}")["data"]["config.yaml"]
    return text


def _config(case: Case) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(_text(case, "otel-collector"))
    return config


def _validate(program: str, text: str, folder: Path) -> None:
    """Run `PROGRAM validate`, with every file that a Secret would bring standing in a folder."""
    secret = folder / "secret"
    secret.write_text("canary")
    path = folder / "config.yaml"
    path.write_text(MOUNTED.sub(str(secret), text))
    done = subprocess.run([need(program), "validate", f"--config={path}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("case", COLLECTORS, ids=str)
def test_collector_accepts_its_configuration(case: Case, tmp_path: Path) -> None:
    """`otelcol validate` finds nothing wrong."""
    _validate("otelcol", _text(case, "otel-collector"), tmp_path)


@pytest.mark.parametrize("case", JAEGERS, ids=str)
def test_jaeger_accepts_its_configuration(case: Case, tmp_path: Path) -> None:
    """`jaeger validate` finds nothing wrong."""
    _validate("jaeger", _text(case, "jaeger"), tmp_path)


@pytest.mark.parametrize("case", COLLECTORS, ids=str)
def test_every_pipeline_limits_memory_first_and_redacts(case: Case) -> None:
    """What comes from outside meets the memory limit first, is redacted, and is never held by `batch`."""
    pipelines = _config(case)["service"]["pipelines"]
    outside = [pipeline for pipeline in pipelines.values() if "otlp" in pipeline["receivers"]]
    assert len(outside) == 3
    for pipeline in outside:
        assert pipeline["processors"][0] == "memory_limiter"
        assert "redaction" in pipeline["processors"]
    assert not any("batch" in pipeline.get("processors", []) for pipeline in pipelines.values())


@pytest.mark.parametrize("case", COLLECTORS, ids=str)
def test_what_is_sent_waits_on_disk(case: Case) -> None:
    """Every exporter that crosses the network queues on disk, makes senders wait when full, retries for ever."""
    for name, exporter in _config(case)["exporters"].items():
        if name.startswith("otlp"):
            assert exporter["sending_queue"]["storage"] == "file_storage"
            assert exporter["sending_queue"]["block_on_overflow"] is True
            assert exporter["retry_on_failure"]["max_elapsed_time"] == "0s"


@pytest.mark.parametrize("case", COLLECTORS, ids=str)
def test_red_metrics_are_made_before_sampling(case: Case) -> None:
    """Rates count every span, whatever sampling keeps, and carry exemplars to the Prometheus endpoint."""
    config = _config(case)
    pipelines = config["service"]["pipelines"]
    assert "span_metrics" in pipelines["traces"]["exporters"]
    assert "tail_sampling" not in pipelines["traces"]["processors"]
    assert "prometheus" in pipelines["metrics/red"]["exporters"]
    assert config["connectors"]["span_metrics"]["exemplars"] == {"enabled": True}
    assert config["exporters"]["prometheus"]["enable_open_metrics"] is True


@pytest.mark.parametrize("case", COLLECTORS, ids=str)
def test_no_signal_is_lost_for_want_of_an_exporter(case: Case) -> None:
    """Every signal has somewhere to go, if only the pod's output."""
    pipelines = _config(case)["service"]["pipelines"]
    assert all(pipeline["exporters"] for pipeline in pipelines.values())
