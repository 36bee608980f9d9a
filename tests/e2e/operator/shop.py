"""One Deployment, `shop`, as users write it, and what they do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanloom_operator.names import INJECT_LABEL

if TYPE_CHECKING:
    from support.cluster.kube import Kube, Object

SLEEP = ["python3", "-c", "import signal; signal.pause()"]
IMAGE = "python:3.13-slim"


def shop(kube: Kube, replicas: int = 0, name: str = "shop", **container: object) -> Object:
    """Return a Deployment with one container."""
    labels = {"app": name}
    each = {"name": "app", "image": IMAGE, "command": SLEEP, **container}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": kube.namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"terminationGracePeriodSeconds": 0, "containers": [each]},
            },
        },
    }


def labelled_shop(kube: Kube, replicas: int = 0, name: str = "shop", **container: object) -> Object:
    """Return a Deployment that requests injection."""
    its = shop(kube, replicas, name, **container)
    its["metadata"]["labels"] = {INJECT_LABEL: "true"}
    return its


def env(kube: Kube, name: str = "shop", container: int = 0) -> dict[str, str | None]:
    """Return the variables of a container of a Deployment; None for those that are no literal."""
    found = kube.get(f"deployment/{name}")["spec"]["template"]["spec"]["containers"][container].get("env", [])
    return {entry["name"]: None if "valueFrom" in entry else entry.get("value", "") for entry in found}


def image(kube: Kube) -> str:
    """Return the image of the Deployment's first container."""
    return str(kube.get("deployment/shop")["spec"]["template"]["spec"]["containers"][0]["image"])


def generation(kube: Kube, name: str = "shop") -> int:
    """Return how often the Deployment's spec was changed."""
    return int(kube.get(f"deployment/{name}")["metadata"]["generation"])


def revisions(kube: Kube) -> int:
    """Return how many ReplicaSets there are."""
    return len(kube.get("replicasets")["items"])


def label(kube: Kube, name: str = "shop", value: str = "true") -> None:
    """Request injection."""
    kube("label", "--overwrite", f"deployment/{name}", f"{INJECT_LABEL}={value}")


def unlabel(kube: Kube, name: str = "shop") -> None:
    """Request injection no longer."""
    kube("label", f"deployment/{name}", f"{INJECT_LABEL}-")


def profile(kube: Kube, **spec: object) -> Object:
    """Return the default OtelProfile of a namespace."""
    kind = {"apiVersion": "spanloom.dev/v1alpha1", "kind": "OtelProfile"}
    return {**kind, "metadata": {"name": "default", "namespace": kube.namespace}, "spec": spec}
