"""A release from a registry, with nothing of the repository in reach: `make test-release REGISTRY=localhost:5001`."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from support.builders.shell import section
from support.cluster.helm_release import Release
from support.cluster.namespaces import new_namespace
from support.paths import ROOT
from support.polling import poll_until
from support.processes.typed import typed

from spanloom_local.cluster import wait_for_trace
from spanloom_local.journey import CREATE, LIST, Response, Step, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.cluster.kube import Kube

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
        found.run("helm", "uninstall", found.namespace, "--ignore-not-found", "--timeout=3m")


@pytest.fixture
def chart(registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address of the chart, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return f"oci://{registry}/charts/spanloom"


def _runs(release: Release, version: str) -> bool:
    """Return whether the project's pods have images of this version, and the services' are injected and all new."""
    pods = [pod for part in OWN for pod in release.pods(part)]
    images = {pod["spec"]["containers"][0]["image"].rpartition(":")[2] for pod in pods}
    return images == {version} and release.is_injected()


def _send(release: Release, step: Step) -> Response:
    with release.reach("users-api", 8000) as edge:
        return send(edge, step.method, step.route, step.body)


@pytest.mark.timeout(900)
def test_install_upgrade_and_rollback(chart: str, kube: Kube, versions: tuple[str, str]) -> None:
    """`helm install oci://…` is traced; an upgrade to the next version and the way back keep the users."""
    (old, new), release = versions, Release(kube)
    options = ("--plain-http", "--wait", "--timeout=5m", f'--set-json=operator.namespaces=["{release.name}"]')
    release.helm("install", release.name, chart, f"--version={old}", *options)
    poll_until(lambda: _runs(release, old), f"everything runs {old}", 180)
    created = _send(release, CREATE)
    with release.reach("jaeger", 16686) as jaeger:
        trace = wait_for_trace(jaeger, created, len(CREATE.tree.splitlines()))
    assert (201, CREATE.tree) == (created.status, trace.shape())
    users = _send(release, LIST).body
    release.helm("upgrade", release.name, chart, f"--version={new}", *options)
    poll_until(lambda: _runs(release, new), f"everything runs {new}", 180)
    assert users == _send(release, LIST).body
    release.helm("rollback", release.name, "--wait", "--timeout=5m")
    poll_until(lambda: _runs(release, old), f"everything runs {old} again", 180)
    assert users == _send(release, LIST).body


@pytest.mark.timeout(1500)
def test_the_page_is_right(registry: str) -> None:
    """The commands of docs/install.md release, install and test."""
    assert registry
    try:
        assert "Phase:          Succeeded" in typed(section("Any cluster"), seconds=800)
    finally:
        typed("helm uninstall spanloom --namespace spanloom --wait --timeout 3m", seconds=300)
        typed("kubectl delete namespace spanloom", seconds=300)
