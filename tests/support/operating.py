"""The operator's process on a cluster, with no more rights than its chart gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from support.kube import Kube
from support.polling import poll_until
from support.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.kube import Object

CHART = Path(__file__).parents[2] / "helm" / "operator"
ACCOUNT = "op-operator"
EXPORTER = {"endpoint": "http://otel-collector.observability:4318", "protocol": "http/protobuf"}
NOT_HERE = {"Deployment", "Job", "Pod"}


@contextmanager
def installed(home: str) -> Iterator[Kube]:
    """Make the operator's namespace inside the block, with everything of the chart but its pods."""
    kube = Kube(home)
    kube("create", "namespace", home)
    kube("apply", "-f", str(CHART / "crds"))
    manifest = yaml.safe_dump_all(rendered(kube, "op", f"--set-json=profile={json.dumps({'exporter': EXPORTER})}"))
    kube("apply", "-f", "-", stdin=manifest)
    try:
        yield kube
    finally:
        kube("delete", "--wait=false", "-f", "-", stdin=manifest)
        kube("delete", "namespace", home, "--wait=false")


def rendered(kube: Kube, name: str, *arguments: str) -> list[Object]:
    """Render the operator's chart for the namespace of `kube`, without pods."""
    text = kube.run("helm", "template", "--kube-version=1.34.0", name, str(CHART), *arguments)
    return [thing for thing in yaml.safe_load_all(text) if thing and thing["kind"] not in NOT_HERE]


def write_config(kube: Kube, account: str, path: Path, server: str = "") -> Path:
    """Write a kubeconfig of a service account, of another address of the API server if one is given."""
    config = json.loads(kube("config", "view", "--raw", "--minify", "-o", "json"))
    token = kube("create", "token", account, "--duration=2h")
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    if server:
        config["clusters"][0]["cluster"]["server"] = server
    path.write_text(json.dumps(config))
    return path


class Operator:
    """One operator, to be started, killed and started again: it keeps its settings, and adds to its log."""

    def __init__(self, account: Path, log: Path, **settings: str) -> None:
        ports = {"METRICS_PORT": str(free_port()), "PROBE_PORT": str(free_port())}
        mine = {"ENDPOINTS": EXPORTER["endpoint"], **settings, **ports}
        self._environment = {**os.environ, "KUBECONFIG": str(account)}
        self._environment |= {f"SPANLOOM_OPERATOR_{key}": value for key, value in mine.items()}
        self.log = log

    def start(self) -> None:
        with self.log.open("a") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "spanloom_operator"], env=self._environment, stdout=output, stderr=output
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        try:
            assert 0 == self.process.wait(20), self.log.read_text()[-2000:]
        finally:
            self.kill()


@contextmanager
def operating(account: Path, log: Path, **settings: str) -> Iterator[Operator]:
    """Run the operator inside the block."""
    operator = Operator(account, log, **settings)
    operator.start()
    try:
        poll_until(lambda: "Initial authentication has finished" in log.read_text(), f"operator starts: {log}")
        yield operator
    finally:
        operator.stop()
