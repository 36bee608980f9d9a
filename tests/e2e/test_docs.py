"""Symptoms of docs/troubleshooting.md and commands of docs/install.md that need a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.builders.pages import is_printed, quoted_lines
from support.cluster.namespaces import new_namespace
from support.paths import HELM
from support.polling import poll_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cluster.kube import Kube

pytestmark = pytest.mark.timeout(300)

LINES = quoted_lines("docs/troubleshooting.md")
EXTRA = "users.services.users-api.extraContainers[0]"
SYMPTOMS = {
    "unbound immediate PersistentVolumeClaims": ("postgres", ["--set=volume.storageClass=no-such-class"]),
    'violates PodSecurity "restricted:latest"': (
        "postgres",
        ["--set=extraContainers[0].name=beside,extraContainers[0].image=busybox"],
    ),
}


@pytest.fixture
def kube() -> Iterator[Kube]:
    """Make a namespace that enforces Pod Security `restricted`."""
    with new_namespace("docs") as kube:
        kube("label", "namespace", kube.namespace, "pod-security.kubernetes.io/enforce=restricted")
        yield kube


@pytest.mark.parametrize("part", SYMPTOMS)
def test_a_symptom_is_what_the_cluster_reports(part: str, kube: Kube) -> None:
    """Events of the namespace contain the quoted line."""
    chart, values = SYMPTOMS[part]
    [quoted] = [line for line in LINES if part in line]
    kube.run("helm", "install", chart, str(HELM / chart), *values)

    poll_until(lambda: is_printed(quoted, kube("events")), f"an Event says: {quoted}", seconds=60)


def test_an_image_in_no_registry_cannot_be_pulled(kube: Kube) -> None:
    """The state of the pod is the one that the entry names."""
    kube.run("helm", "install", "postgres", str(HELM / "postgres"), "--set=image.repository=no-such-image")

    poll_until(
        lambda: "ErrImagePull" in kube("get", "pods") or "ImagePullBackOff" in kube("get", "pods"), "ErrImagePull"
    )
