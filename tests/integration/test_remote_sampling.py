"""Sampling strategies that a real Jaeger serves to a running process."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from support.polling import poll_until
from support.processes import free_port, listens
from support.processes.traced_app import traced_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from spanloom_local.receiver import Receiver


class Jaeger:
    """The strategies of a running Jaeger, which reads them from a file again and again."""

    def __init__(self, folder: Path) -> None:
        self.url, self._file = f"http://127.0.0.1:{free_port()}", folder / "strategies.json"
        self.config = folder / "jaeger.yaml"
        self.config.write_text(json.dumps(self._content()))

    def _content(self) -> dict[str, Any]:
        sampling = {
            "file": {"path": str(self._file), "reload_interval": "100ms"},
            "http": {"endpoint": self.url.removeprefix("http://")},
        }
        storage = {"backends": {"traces": {"memory": {"max_traces": 1}}}}  # Jaeger requires one for strategies
        pipeline = {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}
        telemetry = {"metrics": {"level": "none"}}
        return {
            "extensions": {"jaeger_storage": storage, "remote_sampling": sampling},
            "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{free_port()}"}}}},
            "exporters": {"jaeger_storage_exporter": {"trace_storage": "traces"}},
            "service": {
                "extensions": ["jaeger_storage", "remote_sampling"],
                "pipelines": {"traces": pipeline},
                "telemetry": telemetry,
            },
        }

    def serve(self, **strategy: Any) -> None:
        """Serve this strategy to the service of the tests."""
        none = {"type": "probabilistic", "param": 0}
        content = {"default_strategy": none, "service_strategies": [{"service": "sample", **strategy}]}
        self._file.write_text(json.dumps(content))


@pytest.fixture
def jaeger(tmp_path: Path) -> Iterator[Jaeger]:
    """Return a Jaeger that samples nothing; skip the test where the program is not on PATH."""
    program = shutil.which("jaeger")
    if program is None:
        pytest.skip("no program `jaeger` on PATH")
    found = Jaeger(tmp_path)
    found.serve(type="probabilistic", param=0)
    with (tmp_path / "jaeger.log").open("w") as log:
        process = subprocess.Popen([program, "--config", found.config], stdout=log, stderr=log)
        port = int(found.url.rpartition(":")[2])
        poll_until(lambda: listens(port) or process.poll() is not None, "Jaeger serves its strategies")
        assert process.poll() is None, (tmp_path / "jaeger.log").read_text()
        yield found
        process.kill()
        process.wait()


STRATEGIES = {
    "ratio": {"type": "probabilistic", "param": 1},
    "rate": {"type": "ratelimiting", "param": 1000},
    "operation": {
        "type": "probabilistic",
        "param": 0,
        "operation_strategies": [{"operation": "GET", "type": "probabilistic", "param": 1}],
    },
}


def test_a_changed_rate_reaches_a_running_process(jaeger: Jaeger, receiver: Receiver) -> None:
    """Every kind of strategy of Jaeger's, one after the other, without a restart."""
    argument = f"endpoint={jaeger.url},pollingIntervalMs=100,initialSamplingRate=0"
    sampler = {"OTEL_TRACES_SAMPLER": "parentbased_jaeger_remote", "OTEL_TRACES_SAMPLER_ARG": argument}
    with traced_app(receiver.url, OTEL_BSP_SCHEDULE_DELAY="50", **sampler) as app:

        def is_sampled() -> bool:
            before = len(receiver.store.traces())
            app.get("/work/0")
            app.get("/work/0.3")  # longer than several exports of spans
            return len(receiver.store.traces()) > before

        assert not is_sampled()
        for name, strategy in STRATEGIES.items():
            jaeger.serve(**strategy)
            assert poll_until(is_sampled, f"the strategy {name} is used")
            jaeger.serve(type="probabilistic", param=0)
            assert poll_until(lambda: not is_sampled(), "nothing is sampled")
    assert "spanloom:" not in app.output
