"""GitOps as Argo CD and Flux do it: the rendered charts are applied by server-side apply, again and again."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
from support.cluster.helm_release import CHART, Release
from support.cluster.images import load_images
from support.cluster.namespaces import new_namespace
from support.polling import poll_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cluster.kube import Kube

pytestmark = pytest.mark.timeout(900)

ROUNDS = 10
APPLIED = ("--server-side", "--force-conflicts", "--field-manager=argocd-controller", "--filename=-")
HPA = {"enabled": True, "minReplicas": 1, "maxReplicas": 2}


@pytest.fixture(scope="module")
def release() -> Iterator[Release]:
    """Create a namespace with the Secret that the page names; objects of the whole cluster are deleted at the end."""
    load_images()
    with new_namespace("gitops") as kube:
        kube(
            "create", "secret", "generic", "database", "--from-literal=password=a", "--from-literal=postgres-password=b"
        )
        yield Release(kube)
        kube("delete", "--ignore-not-found", "--wait=false", "--filename=-", stdin=rendered(kube, of_cluster=True))


def rendered(kube: Kube, *, of_cluster: bool = False) -> str:
    """Return the umbrella chart as Argo CD renders it: without a cluster and without hooks."""
    values = {
        "operator": {"namespaces": [kube.namespace], "policy": {"enabled": False}},
        "postgres": {"existingSecret": "database"},
        "users": {"database": {"existingSecret": "database"}, "services": {"users-api": {"autoscaling": HPA}}},
    }
    arguments = [f"--set-json={key}={json.dumps(value)}" for key, value in values.items()]
    text = kube.run(
        "helm", "template", kube.namespace, CHART, "--kube-version=1.34.0", "--no-hooks", "--include-crds", *arguments
    )
    return text if not of_cluster else "---".join(each for each in text.split("---\n") if "kind: ClusterRole" in each)


def difference(kube: Kube, manifest: str) -> str:
    """Return what `kubectl diff` says that an apply would change; "" for nothing."""
    command = ["kubectl", "--kubeconfig", kube.kubeconfig, "--namespace", kube.namespace, "diff", *APPLIED]
    return subprocess.run(command, input=manifest, capture_output=True, text=True, check=False).stdout


def generations(kube: Kube) -> dict[str, int]:
    """Return how often the spec of each workload was changed."""
    items = kube.get("deployments,statefulsets,horizontalpodautoscalers")["items"]
    return {f"{item['kind']}/{item['metadata']['name']}": item["metadata"].get("generation", 0) for item in items}


def test_rounds_change_nothing(release: Release) -> None:
    """With operator and HPA, ten rounds write no workload, and there is no difference; drift made by hand is undone."""
    kube, manifest = release.kube, rendered(release.kube)
    kube("apply", *APPLIED, stdin=manifest)
    poll_until(release.is_injected, "the operator has configured both services", 240)
    before = generations(kube)
    for _ in range(ROUNDS):
        kube("apply", *APPLIED, stdin=rendered(kube))
    assert ("", before) == (difference(kube, manifest), generations(kube))

    deployment = f"deployment/{release.name}-users-api"
    kube("set", "env", deployment, "USERS_API_USERS_DB_URL=http://elsewhere:8000")
    assert "elsewhere" in difference(kube, manifest)
    kube("apply", *APPLIED, stdin=manifest)
    poll_until(release.is_injected, "the pods of the drift are replaced", 240)
    assert "" == difference(kube, manifest)
