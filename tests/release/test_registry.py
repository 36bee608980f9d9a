"""A release from a registry, with nothing of the repository in reach: `make test-release REGISTRY=localhost:5001`."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from support.cluster.kube import is_rolled_out, state
from support.cluster.namespaces import new_namespace
from support.paths import ROOT
from support.polling import poll_until

from spanloom_local.cluster import forwarded, wait_for_trace
from spanloom_local.journey import CREATE, LIST, Response, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.cluster.kube import Kube

NAME = "demo"
OWN = ("users-api", "users-db-service", "operator")


@pytest.fixture(scope="module")
def registry() -> str:
    """Return the registry to push to."""
    if not os.environ.get("REGISTRY"):
        pytest.fail("REGISTRY is not set: the address of a registry that this machine and the nodes reach", False)
    return f"{os.environ['REGISTRY']}/spanloom"


@pytest.fixture(scope="module")
def versions(registry: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Release two versions, new ones at every run: nodes keep the images of a tag."""
    found = f"0.1.{int(time.time())}", f"0.2.{int(time.time())}"
    for version in found:
        subprocess.run([ROOT / "deploy/release", version, registry, tmp_path_factory.mktemp("release")], check=True)
    return found


@pytest.fixture(scope="module")
def kube() -> Iterator[Kube]:
    """Create a namespace; uninstall what is in it at the end."""
    with new_namespace("release") as found:
        yield found
        found.run("helm", "uninstall", NAME, "--ignore-not-found", "--timeout=3m")


@pytest.fixture
def helm(registry: str, kube: Kube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address of the chart, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return f"oci://{registry}/charts/spanloom"


def _settled(kube: Kube, version: str) -> bool:
    """Return whether every Deployment of the project runs this version, injected and rolled out."""
    found = [
        one for name in OWN for one in kube.get("deployments", f"--selector=app.kubernetes.io/name={name}")["items"]
    ]
    images = {one["spec"]["template"]["spec"]["containers"][0]["image"].rpartition(":")[2] for one in found}
    labelled = [one["metadata"]["name"] for one in found if "spanloom.dev/inject" in one["metadata"]["labels"]]
    return (
        images == {version}
        and all(map(is_rolled_out, found))
        and {state(kube, one) for one in labelled} == {"Injected"}
    )


def _request(kube: Kube, method: str, route: str, body: object = None) -> Response:
    with forwarded(kube.namespace, f"{NAME}-users-api", 8000) as edge:
        return send(edge, method, route, body)


@pytest.mark.timeout(900)
def test_install_upgrade_and_rollback(helm: str, kube: Kube, versions: tuple[str, str]) -> None:
    """`helm install oci://…` is traced; an upgrade to the next version and the way back keep the users."""
    old, new = versions
    options = ("--plain-http", "--wait", "--timeout=5m", f'--set-json=operator.namespaces=["{kube.namespace}"]')
    kube.run("helm", "install", NAME, helm, f"--version={old}", *options)
    poll_until(lambda: _settled(kube, old), f"everything runs {old}", 180)
    created = _request(kube, CREATE.method, CREATE.route, CREATE.body)
    with forwarded(kube.namespace, f"{NAME}-jaeger", 16686) as jaeger:
        trace = wait_for_trace(jaeger, created, len(CREATE.tree.splitlines()))
    assert (201, CREATE.tree) == (created.status, trace.shape())
    users = _request(kube, LIST.method, LIST.route).body
    kube.run("helm", "upgrade", NAME, helm, f"--version={new}", *options)
    poll_until(lambda: _settled(kube, new), f"everything runs {new}", 180)
    assert users == _request(kube, LIST.method, LIST.route).body
    kube.run("helm", "rollback", NAME, "--wait", "--timeout=5m")
    poll_until(lambda: _settled(kube, old), f"everything runs {old} again", 180)
    assert users == _request(kube, LIST.method, LIST.route).body
