"""A cluster, the chart's roles and policy in it, and the operator's process with no more rights than those."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from support.kube import Kube
from support.polling import poll_until
from support.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

CHART = Path(__file__).parents[3] / "helm" / "operator"
HOME = "op-e2e-home"
ACCOUNT = "op-operator"
SETTINGS = {
    "profile": {"exporter": {"endpoint": "http://otel-collector.observability:4318", "protocol": "http/protobuf"}}
}
NOT_HERE = {"Deployment", "Job", "Pod"}


@pytest.fixture(scope="session")
def home() -> Iterator[Kube]:
    """Make the operator's namespace, with everything of the chart but its pods."""
    kube = Kube(HOME)
    kube("create", "namespace", HOME)
    kube("apply", "-f", str(CHART / "crds"))
    rendered = kube.run(
        "helm",
        "template",
        "--kube-version=1.34.0",
        "op",
        str(CHART),
        "--set-json",
        f"profile={json.dumps(SETTINGS['profile'])}",
    )
    things = [thing for thing in yaml.safe_load_all(rendered) if thing and thing["kind"] not in NOT_HERE]
    manifest = yaml.safe_dump_all(things)
    kube("apply", "-f", "-", stdin=manifest)
    yield kube
    kube("delete", "--wait=false", "-f", "-", stdin=manifest)
    kube("delete", "namespace", HOME, "--wait=false")


@pytest.fixture(scope="session")
def config_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Kube, str], Path]:
    """Return what writes a kubeconfig of a service account: what the process may do is what the chart allows."""

    def write(kube: Kube, name: str) -> Path:
        config = json.loads(kube("config", "view", "--raw", "--minify", "-o", "json"))
        token = kube("create", "token", name, "--duration=2h")
        config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
        path = tmp_path_factory.mktemp("operator") / "kubeconfig"
        path.write_text(json.dumps(config))
        return path

    return write


@pytest.fixture(scope="session")
def account(home: Kube, config_of: Callable[[Kube, str], Path]) -> Path:
    """Write a kubeconfig of the operator's account."""
    return config_of(home, ACCOUNT)


@pytest.fixture
def kube(home: Kube) -> Iterator[Kube]:
    """Make a namespace of the test's own."""
    mine = Kube(f"op-e2e-{uuid.uuid4().hex[:8]}")
    mine("create", "namespace", mine.namespace)
    yield mine
    mine("delete", "namespace", mine.namespace, "--wait=false")


@pytest.fixture
def operating(account: Path, tmp_path: Path) -> Callable[..., AbstractContextManager[Path]]:
    """Return what runs the operator for a while, with settings, and gives its log."""

    @contextmanager
    def run(account: Path = account, **settings: str) -> Iterator[Path]:
        log, probe = tmp_path / "operator.log", free_port()
        mine = {"NAMESPACE": HOME, "ENDPOINTS": SETTINGS["profile"]["exporter"]["endpoint"], **settings}
        mine |= {"METRICS_PORT": str(free_port()), "PROBE_PORT": str(probe)}
        environment = {f"SPANLOOM_OPERATOR_{key}": value for key, value in mine.items()}
        with log.open("a") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "spanloom_operator"],
                env={**os.environ, **environment, "KUBECONFIG": str(account)},
                stdout=output,
                stderr=output,
            )
        try:
            poll_until(lambda: "Initial authentication has finished" in log.read_text(), f"operator starts: {log}")
            yield log
        finally:
            process.terminate()
            assert 0 == process.wait(20), log.read_text()[-2000:]

    return run
