"""Symptoms of docs/troubleshooting.md and commands of docs/install.md that need a cluster."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from support.builders.applications import SHOP
from support.builders.pages import blocks, is_printed, quoted_lines
from support.builders.shell import section
from support.cluster.images import load_images
from support.cluster.kube import Kube
from support.cluster.namespaces import new_namespace
from support.paths import HELM, ROOT
from support.polling import poll_until
from support.processes.typed import typed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(900)

INSTALL = "docs/install.md"
GET = "import urllib.request; urllib.request.urlopen('http://localhost:8000/orders/7')"
TROUBLESHOOTING = "docs/troubleshooting.md"
LINES = quoted_lines(TROUBLESHOOTING)
SYMPTOMS = {
    "unbound immediate PersistentVolumeClaims": "volume.storageClass=no-such-class",
    'violates PodSecurity "restricted:latest"': "extraContainers[0].name=beside,extraContainers[0].image=busybox",
}
"""What makes PostgreSQL's chart show a quoted line in the Events of its namespace."""


@pytest.fixture
def kube() -> Iterator[Kube]:
    """Create a namespace that enforces Pod Security `restricted`."""
    with new_namespace("docs") as kube:
        yield kube


@pytest.mark.parametrize("part", SYMPTOMS)
def test_a_symptom_is_what_the_cluster_reports(part: str, kube: Kube) -> None:
    """Events of the namespace contain the quoted line."""
    [quoted] = [line for line in LINES if part in line]
    kube.run("helm", "install", "postgres", str(HELM / "postgres"), f"--set={SYMPTOMS[part]}")

    poll_until(lambda: is_printed(quoted, kube("events")), f"an Event says: {quoted}", seconds=60)


def test_an_image_in_no_registry_cannot_be_pulled(kube: Kube) -> None:
    """The state of the pod is one that the entry names."""
    kube.run("helm", "install", "postgres", str(HELM / "postgres"), "--set=image.repository=no-such-image")

    poll_until(lambda: re.search("ErrImagePull|ImagePullBackOff", kube("get", "pods")), "it cannot be pulled")


def test_a_cleanup_without_its_image_leaves_only_its_job(kube: Kube) -> None:
    """The uninstallation fails with the quoted lines, and what the page says remains."""
    quoted = [line for line in LINES if "uninstallation completed" in line or "DeadlineExceeded" in line]
    kube.run("helm", "install", "operator", str(HELM / "operator"), "--set=image.tag=gone")
    errors = kube.run("helm", "uninstall", "operator", succeeds=False)

    assert [] == [line for line in quoted if not is_printed(line, errors)]
    assert ["job.batch/operator-operator-cleanup"] == kube("get", "job,deploy,role,networkpolicy", "-o", "name").split()


@pytest.fixture
def umbrella() -> Iterator[Kube]:
    """Install the umbrella with deploy/up; nothing of it is left."""
    typed(f"{ROOT}/deploy/up", seconds=600)
    yield Kube("spanloom")
    typed("helm uninstall spanloom --namespace spanloom --ignore-not-found --wait")
    typed("kubectl delete namespace spanloom --ignore-not-found", seconds=300)


def test_an_installation_is_upgraded_verified_and_removed(umbrella: Kube) -> None:
    """The commands of these sections work one after the other, and leave no object of the cluster."""
    typed(section("Upgrade"))
    assert "Ada Lovelace" in typed(section("Verify"))
    typed(section("Uninstall"), seconds=400)

    kinds = "customresourcedefinitions,clusterroles,clusterrolebindings,validatingadmissionpolicies"
    assert [] == [name for name in umbrella("get", kinds, "-o", "name").split() if "spanloom" in name]


def test_the_operator_alone_is_installed_as_written() -> None:
    """The commands of the section inject into a Deployment that was there before."""
    load_images()
    kube = Kube("demo")
    kube("create", "namespace", "demo")
    kube("create", "deployment", "shop", "--image=python:3.13-slim", "--", "sleep", "infinity")
    try:
        typed("REGISTRY=\n" + section("One chart alone"))  # its image is in the nodes
        poll_until(lambda: "Injected" in kube("get", "otelinjections"), "the operator has injected")
        assert "Injected" in typed(section("Your own service on Kubernetes"))
        assert "spanloom-operator/spanloom-system/operator" in typed(section("Argo CD"))
        assert "deployment demo/shop: Injected" in typed(section("The label has no effect", TROUBLESHOOTING))
        typed(section("RolledBack", TROUBLESHOOTING))
    finally:
        typed("helm uninstall operator --namespace spanloom-system --wait --timeout 3m")
        typed("kubectl delete namespace demo spanloom-system", seconds=300)


def test_the_image_of_the_page_traces(tmp_path: Path) -> None:
    """An image from the page's Dockerfile starts under the distribution, and prints a request's trace."""
    [dockerfile] = [block.text for block in blocks(INSTALL) if block.language == "dockerfile"]
    (tmp_path / "Dockerfile").write_text(dockerfile)
    (tmp_path / "shop.py").write_text(SHOP)
    typed(f".venv/bin/uv build --package spanloom --wheel --out-dir {tmp_path}/wheels")
    typed(f"docker build --tag docs-shop {tmp_path}")
    try:
        typed("docker run --detach --name docs-shop --env OTEL_TRACES_EXPORTER=tree docs-shop")
        typed(f'until docker exec docs-shop python -c "{GET}" 2>/dev/null; do :; done')
        poll_until(lambda: "GET  unknown_service  SERVER" in typed("docker logs docs-shop"), "the trace is printed")
    finally:
        typed("docker rm --force docs-shop; docker rmi --force docs-shop")
