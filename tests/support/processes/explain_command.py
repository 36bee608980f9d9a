"""`spanloom explain` in this process, and manifests for it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from support.builders.deployments import Object, container, deployment, env, profile
from typer.testing import CliRunner

from spanloom_operator.cli import app

SECRET = {"secretKeyRef": {"name": "otlp", "key": "headers"}}
HOME = profile(
    namespace="spanloom-system",
    exporter={"endpoint": "http://collector:4318", "protocol": "http/protobuf", "headers": SECRET},
    propagators=["tracecontext"],
)
SHOP = deployment(container(env=env(OTEL_PROPAGATORS="b3")), labels={"spanloom.dev/inject": "true"})
IN_GIT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
  labels: {spanloom.dev/inject: "true"}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers: [{name: shop, image: "shop:1.2"}]
"""
BESIDE_A_PATCH = f"""\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [shop.yaml]
---
kind: Deployment
metadata: {{name: shop}}
spec: {{replicas: 2}}
---
apiVersion: v1
kind: Service
---
{IN_GIT}"""
LIST = f"""\
apiVersion: v1
kind: List
items:
  - &first
{"".join(f"    {line}" for line in IN_GIT.splitlines(keepends=True))}
  - <<: *first
    metadata: {{name: cart}}
"""
NAMES = {"OTEL_RESOURCE_ATTRIBUTES_NODE_NAME", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"}


@dataclass(frozen=True)
class Run:
    """What the command printed, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def found(self) -> list[Object]:
        """The output as JSON."""
        found: list[Object] = json.loads(self.out)
        return found


def run(*arguments: str, stdin: str = "") -> Run:
    result = CliRunner().invoke(app, ["explain", *arguments], input=stdin, catch_exceptions=False)
    return Run(result.exit_code, result.stdout, result.stderr)


def files(**texts: str) -> None:
    for name, text in texts.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def titles(found: list[Object]) -> list[str]:
    return [f"{one['namespace']}/{one['name']}" for one in found]
