"""Prometheus with the rules of the chart, as a process that receives metrics by OTLP and scrapes."""

from __future__ import annotations

import re
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import yaml
from support.cluster.prometheus import query
from support.paths import HELM
from support.polling import poll_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

CHART = HELM / "prometheus"


def hurried(rules: str) -> str:
    """Return rules whose alerts fire at once, with windows a tenth as long: `[5m]` becomes `[30s]`, hours a minute."""
    at_once = re.sub(r"\bfor: \w+", "for: 0s", rules)
    minutes = re.sub(r"(\[|offset )(\d+)m", lambda found: f"{found[1]}{int(found[2]) * 6}s", at_once)
    return re.sub(r"\[\d+[hd]\]", "[60s]", minutes)


def write_config(folder: Path, targets: Sequence[str]) -> Path:
    """Write a configuration that evaluates the chart's rules, hurried, and scrapes addresses every second."""
    for path in (CHART / "files" / "rules").glob("*.yaml"):
        (folder / path.name).write_text(hurried(path.read_text()))
    labels = yaml.safe_load((CHART / "values.yaml").read_text())["otlp"]["labels"]
    config = {
        "global": {"evaluation_interval": "1s", "scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{"job_name": "parts", "static_configs": [{"targets": list(targets)}]}],
        "storage": {"tsdb": {"out_of_order_time_window": "1m"}},
        "otlp": {"promote_resource_attributes": labels},
        "rule_files": [f"{folder}/*.yaml"],
    }
    target = folder / "prometheus.yml"
    target.write_text(yaml.safe_dump(config))
    return target


@contextmanager
def running_prometheus(folder: Path, port: int, targets: Sequence[str] = ()) -> Iterator[str]:
    """Run Prometheus with its data in `folder` inside the block and yield its URL; skip the test without it.

    It scrapes the targets, `host:port`.
    """
    program = shutil.which("prometheus") or pytest.skip("prometheus is not on PATH")
    url = f"http://127.0.0.1:{port}"
    options = [f"--config.file={write_config(folder, targets)}", f"--storage.tsdb.path={folder}/data"]
    command = [program, *options, f"--web.listen-address=127.0.0.1:{port}", "--web.enable-otlp-receiver"]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            poll_until(lambda: _is_ready(url), "Prometheus is ready")
            yield url
        finally:
            process.terminate()


def _is_ready(url: str) -> bool:
    try:
        return bool(urlopen(f"{url}/-/ready", timeout=5).status == 200)
    except URLError:
        return False


def firing(prometheus: str) -> set[str]:
    """Return the names of the alerts that fire."""
    return {alert["labels"]["alertname"] for alert in query(prometheus, "alerts")["alerts"]}


def until_fires(prometheus: str, alert: str, seconds: float = 90) -> None:
    """Wait until an alert fires."""
    poll_until(lambda: alert in firing(prometheus), f"{alert} fires", seconds)


def until_clears(prometheus: str, alert: str, seconds: float = 120) -> None:
    """Wait until an alert fires no longer."""
    poll_until(lambda: alert not in firing(prometheus), f"{alert} clears", seconds)
