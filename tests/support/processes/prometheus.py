"""Prometheus with the rules of the chart, as a process that receives metrics by OTLP."""

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
from support.paths import HELM
from support.polling import poll_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHART = HELM / "prometheus"


def write_config(folder: Path) -> Path:
    """Write a configuration that evaluates the chart's rules every second, each alert without its `for`."""
    for path in (CHART / "files" / "rules").glob("*.yaml"):
        (folder / path.name).write_text(re.sub(r"\bfor: \w+", "for: 0s", path.read_text()))
    labels = yaml.safe_load((CHART / "values.yaml").read_text())["otlp"]["labels"]
    config = {
        "global": {"evaluation_interval": "1s"},
        "storage": {"tsdb": {"out_of_order_time_window": "1m"}},
        "otlp": {"promote_resource_attributes": labels},
        "rule_files": [f"{folder}/*.yaml"],
    }
    target = folder / "prometheus.yml"
    target.write_text(yaml.safe_dump(config))
    return target


@contextmanager
def running_prometheus(folder: Path, port: int) -> Iterator[str]:
    """Run Prometheus with its data in `folder` inside the block and yield its URL; skip the test without it."""
    program = shutil.which("prometheus") or pytest.skip("prometheus is not on PATH")
    url = f"http://127.0.0.1:{port}"
    options = [f"--config.file={write_config(folder)}", f"--storage.tsdb.path={folder}/data"]
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
