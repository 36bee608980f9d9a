"""kubectl and helm against the cluster of KUBECONFIG, and the state of what they return."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from support.polling import poll_until

if TYPE_CHECKING:
    from pathlib import Path

Object = dict[str, Any]


@dataclass(frozen=True)
class Kube:
    """One namespace of a cluster."""

    namespace: str
    kubeconfig: str = os.environ.get("KUBECONFIG", "")

    def __call__(self, *arguments: str, stdin: str | None = None, succeeds: bool = True) -> str:
        """Run kubectl and return its output; AssertionError with its error output when it fails."""
        return self.run("kubectl", *arguments, stdin=stdin, succeeds=succeeds)

    def run(self, program: str, *arguments: str, stdin: str | None = None, succeeds: bool = True) -> str:
        """Run kubectl, helm or helm4 in the namespace."""
        command = [program, "--kubeconfig", self.kubeconfig, "--namespace", self.namespace, *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == succeeds, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        return done.stdout if succeeds else done.stderr

    def cli(self, *arguments: str, kubeconfig: Path | None = None) -> str:
        """Run the `spanloom` command with this kubeconfig and return its output."""
        program = [sys.executable, "-c", "from spanloom_operator.cli import app; app()"]
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig or self.kubeconfig)}
        done = subprocess.run([*program, *arguments], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def get(self, what: str, *arguments: str) -> Object:
        """Return an object, or a list of them."""
        found: Object = json.loads(self("get", what, "-o", "json", "--show-managed-fields", *arguments))
        return found

    def apply(self, *things: Object) -> None:
        """Run `kubectl apply`, client-side."""
        self("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(things)}))


def state(kube: Kube, name: str = "shop") -> str | None:
    """Return the state of a Deployment's OtelInjection; None when there is none."""
    return injection(kube, name).get("state")


def injection(kube: Kube, name: str = "shop") -> Object:
    """Return the status of a Deployment's OtelInjection; {} when there is none."""
    found = kube("get", f"otelinjection/{name}", "-o", "json", "--ignore-not-found")
    status: Object = json.loads(found)["status"] if found else {}
    return status


def is_rolled_out(deployment: Object) -> bool:
    """Return whether every replica has the newest template and is available."""
    status, wanted = deployment["status"], deployment["spec"]["replicas"]
    counted = (status.get(f"{key}eplicas", 0) for key in ("r", "updatedR", "availableR"))
    return status.get("observedGeneration") == deployment["metadata"]["generation"] and {wanted} == set(counted)


def is_ready(pod: Object) -> bool:
    """Return whether a pod is ready."""
    conditions = pod["status"].get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


COUNTERS = ("deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation")
"""Annotations in which Kubernetes counts templates."""


def visible_fields(kube: Kube, name: str = "shop", kind: str = "deployment") -> Object:
    """Return a workload as `kubectl get -o yaml` prints it, without status, generation and managedFields."""
    found = kube.get(f"{kind}/{name}")
    for key in ("generation", "resourceVersion", "managedFields"):
        found["metadata"].pop(key)
    for key in COUNTERS:
        found["metadata"].get("annotations", {}).pop(key, None)
    return {key: value for key, value in found.items() if key != "status"}


def wait_for_state(kube: Kube, wanted: str | None, name: str = "shop") -> None:
    """Wait until a Deployment is in this state."""
    poll_until(lambda: state(kube, name) == wanted, f"{kube.namespace}/{name} becomes {wanted}")
