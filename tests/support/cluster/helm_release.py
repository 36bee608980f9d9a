"""A release of the umbrella chart in a namespace of its own, and queries of its state."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

from support.cluster.diagnostics import cluster_state
from support.cluster.images import load_images
from support.cluster.kube import is_rolled_out, state
from support.paths import HELM
from support.polling import poll_until

from spanloom_local.cluster import forwarded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from support.cluster.kube import Kube, Object

CHART = str(HELM / "spanloom")
OPEN_METRICS = {"Accept": "application/openmetrics-text;version=1.0.0"}
INSTALLED_BY_NAMESPACE = {"configmap/kube-root-ca.crt", "serviceaccount/default"}
PASSING = {"events", "events.events.k8s.io", "pods.metrics.k8s.io", "bindings"}
HARMLESS = ("walk.go:", "WARNING: Kubernetes configuration file")  # linked charts; this machine's own kubeconfig


@dataclass(frozen=True)
class Release:
    """A release named like its namespace; `kube` runs kubectl in that namespace."""

    kube: Kube

    @property
    def name(self) -> str:
        return self.kube.namespace

    def install(self, **parts: Object) -> None:
        """Install the chart, the operator for this namespace alone; AssertionError when Helm warns.

        `parts` are values by the subchart's name.
        """
        operator = {"namespaces": [self.name], "policy": {"enabled": False}}
        deleted = {"volume": {"whenDeleted": "Delete"}}
        values = {"operator": operator, "postgres": deleted, "prometheus": deleted, "victoria-logs": deleted, **parts}
        arguments = [f"--set-json={key}={json.dumps(value)}" for key, value in values.items()]
        self._helm_quietly("install", *arguments)
        poll_until(self.is_injected, "the operator has configured both services, and their first pods are deleted", 120)

    def is_injected(self) -> bool:
        """Return whether every labelled Deployment is injected and all of its pods are new."""
        labelled = self.kube.get("deployments", "--selector=spanloom.dev/inject")["items"]
        pods = self.kube.get("pods", "--selector=app.kubernetes.io/part-of=spanloom")["items"]
        states = {state(self.kube, one["metadata"]["name"]) for one in labelled}
        is_done = states == {"Injected"} and all(map(is_rolled_out, labelled))
        return is_done and not any("deletionTimestamp" in pod["metadata"] for pod in pods)

    def upgrade(self, **values: str) -> None:
        """Change values (`__` stands for the dot of `--set`) and wait until every pod is new."""
        pairs = [f"--set-string={key.replace('__', '.')}={value}" for key, value in values.items()]
        self._helm_quietly("upgrade", "--reuse-values", *pairs)

    def _helm_quietly(self, verb: str, *arguments: str) -> None:
        command = ["helm", verb, self.name, CHART, f"--namespace={self.name}", "--wait", "--timeout=5m", *arguments]
        if self.kube.kubeconfig:
            command.append(f"--kubeconfig={self.kube.kubeconfig}")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert [] == [line for line in done.stderr.splitlines() if not line.startswith(HARMLESS)]

    def helm(self, *arguments: str) -> str:
        return self.kube.run("helm", *arguments)

    def reach(self, part: str, port: int) -> AbstractContextManager[str]:
        """Forward a local port to the Service of `part` and yield its URL."""
        return forwarded(self.name, f"{self.name}-{part}", port)

    def pods(self, part: str) -> list[Object]:
        selector = f"--selector=app.kubernetes.io/name={part},app.kubernetes.io/instance={self.name}"
        found: list[Object] = self.kube.get("pods", selector)["items"]
        return found

    def deployment_of(self, pod: Object) -> str:
        """Return the name of the Deployment that owns the ReplicaSet that owns the pod."""
        replicas = self.kube.get(f"replicaset/{pod['metadata']['ownerReferences'][0]['name']}")
        return str(replicas["metadata"]["ownerReferences"][0]["name"])

    def log(self, part: str) -> list[Object]:
        """Return the lines of JSON that every container of `part` has printed."""
        selector = f"--selector=app.kubernetes.io/name={part},app.kubernetes.io/instance={self.name}"
        lines = self.kube("logs", selector, f"--container={part}", "--tail=-1").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def metrics(self) -> str:
        """Return the Collector's metrics for Prometheus, with exemplars."""
        with (
            self.reach("otel-collector-pods", 8889) as url,
            urlopen(Request(f"{url}/metrics", headers=OPEN_METRICS)) as page,
        ):
            return str(page.read().decode())

    def left_behind(self) -> set[str]:
        """Return the remaining objects of the namespace, and the cluster objects with the release's name."""
        return set(self._of_namespace()) - INSTALLED_BY_NAMESPACE | set(self._of_cluster())

    def _of_namespace(self) -> list[str]:
        listed = self.kube("api-resources", "--namespaced", "--verbs=list,delete", "--output=name").split()
        kinds = ",".join(sorted(set(listed) - PASSING))
        return self.kube("get", kinds, "--output=name", "--ignore-not-found").split()

    def _of_cluster(self) -> Iterator[str]:
        listed = self.kube("api-resources", "--namespaced=false", "--verbs=list,delete", "--output=name").split()
        kinds = ",".join(sorted(set(listed) - {"namespaces", "nodes"}))
        for item in self.kube.get(kinds)["items"]:
            claim = item.get("spec", {}).get("claimRef", {}).get("namespace")
            if self.name in item["metadata"]["name"] or claim == self.name:
                yield f"{item['kind']}/{item['metadata']['name']}"


@contextmanager
def helm_release(kube: Kube, **values: Object) -> Iterator[Release]:
    """Install the umbrella chart with these values by subchart, and uninstall it at the end."""
    load_images()
    release = Release(kube)
    try:
        _install(release, values)
        yield release
    finally:
        release.helm("uninstall", release.name, "--ignore-not-found")


def _install(release: Release, values: Object) -> None:
    """Install, and add the state of the namespace to the error of a failure."""
    try:
        release.install(**values)
    except AssertionError as error:
        for title, text in cluster_state(release.kube):
            error.add_note(f"{title}:\n{text}")
        raise
