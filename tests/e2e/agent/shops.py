"""Images of applications without OpenTelemetry, and their Deployments beside PostgreSQL and Jaeger."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from support.cluster.agent_image import docker
from support.cluster.namespaces import new_namespace
from support.paths import HELM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cluster.kube import Kube, Object

HERE = Path(__file__).parent
RIGHTS = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
# The agent's files belong to another user id; its volume has the group of the Pod.
POD = {"runAsNonRoot": True, "runAsUser": 1234, "fsGroup": 4321, "seccompProfile": {"type": "RuntimeDefault"}}
PASSWORD = {"secretKeyRef": {"name": "db-postgres", "key": "password"}}


class Shop(NamedTuple):
    """An application: the packages of its image, its command, and the trace of one of its requests."""

    name: str
    packages: str
    command: tuple[str, ...]
    tree: str

    @property
    def image(self) -> str:
        return f"shop-{self.name}:e2e"


SHOPS = (
    Shop(
        "flask",
        "flask gunicorn",
        ("gunicorn", "--bind=0.0.0.0:8000", "--workers=2", "--worker-tmp-dir=/dev/shm", "shop:app"),
        "flask SERVER GET /orders/<int:number>\n  flask CLIENT SELECT",
    ),
    Shop(
        "fastapi",
        "fastapi uvicorn",
        ("uvicorn", "shop:app", "--host=0.0.0.0", "--port=8000"),
        "fastapi SERVER GET /orders/{number}\n  fastapi CLIENT SELECT",
    ),
)


def load(shop: Shop) -> None:
    """Build the image of a shop, and load it into the nodes of kind."""
    arguments = (f"--build-arg=PACKAGES={shop.packages}", f"--build-arg=MODULE=shop_{shop.name}.py")
    docker("build", "--quiet", f"--tag={shop.image}", *arguments, str(HERE))
    context = subprocess.check_output(["kubectl", "config", "current-context"], text=True, env=os.environ)
    cluster = context.strip().removeprefix("kind-")
    subprocess.run(["kind", "load", "docker-image", shop.image, "--name", cluster], check=True, capture_output=True)


@contextmanager
def backends(**labels: str) -> Iterator[Kube]:
    """Create a namespace with these labels that enforces Pod Security `restricted`, with PostgreSQL and Jaeger."""
    with new_namespace("agent") as kube:
        for key, value in labels.items():
            kube("label", "namespace", kube.namespace, f"{key}={value}")
        everyone = "networkPolicy.clients[0].podSelector.matchLabels=null"
        for name, chart in {"db": "postgres", "traces": "jaeger"}.items():
            kube.run("helm", "install", name, str(HELM / chart), f"--set={everyone}", "--wait", "--timeout=3m")
        yield kube


def deployment(shop: Shop) -> list[Object]:
    """Return a Deployment of a shop, and its Service."""
    container = {
        "name": "shop",
        "image": shop.image,
        "command": list(shop.command),
        "env": [
            {"name": "PGHOST", "value": "db-postgres"},
            {"name": "PGDATABASE", "value": "users"},
            {"name": "PGUSER", "value": "users"},
            {"name": "PGPASSWORD", "valueFrom": PASSWORD},
        ],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8000}, "periodSeconds": 1},
        "securityContext": RIGHTS,
    }
    labels = {"app": shop.name}
    pod = {"automountServiceAccountToken": False, "securityContext": POD, "containers": [container]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": shop.name},
            "spec": {"selector": labels, "ports": [{"port": 8000}]},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": shop.name},
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        },
    ]
