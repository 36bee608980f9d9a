"""The operator as a local process against the cluster, with the rights that its chart grants and no others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import yaml
from support.cluster.kube import Kube
from support.paths import HELM
from support.polling import poll_until
from support.processes.commands import free_port

from spanloom_operator.names import CLUSTER_LEASE_NAME, CLUSTER_LEASE_NAMESPACE, LEASE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.cluster.kube import Object

CHART = HELM / "operator"
ACCOUNT = "op-operator"
EXPORTER = {"endpoint": "http://otel-collector.observability:4318", "protocol": "http/protobuf"}
ABSENT_AGENT = "spanloom-agent:absent"
"""Image of the agent that the operator may use, and that is in no registry."""
WORKLOADS = {"Deployment", "Job", "Pod"}
STARTED = b"Initial authentication has finished"
CLUSTER_SCOPED = ("Cluster", "Validating")
EVERYWHERE = Kube("")
"""Applies objects to the namespaces that they name."""


@contextmanager
def installed_chart(namespace: str) -> Iterator[Kube]:
    """Create the operator's namespace and every object of its chart except Pods, and delete both at the end."""
    kube = Kube(namespace)
    kube("apply", "-f", str(CHART / "crds"))
    profile = f"--set-json=profile={json.dumps({'exporter': EXPORTER})}"
    manifest = yaml.safe_dump_all(rendered_chart(kube, "op", profile, f"--set=agent.images={{{ABSENT_AGENT}}}"))
    kube("create", "namespace", namespace)
    try:
        EVERYWHERE("apply", "-f", "-", stdin=manifest)
        yield kube
    finally:
        EVERYWHERE("delete", "--wait=false", "--ignore-not-found", "-f", "-", stdin=manifest)
        kube("delete", "namespace", namespace, "--wait=false")


def rendered_chart(kube: Kube, name: str, *arguments: str) -> list[Object]:
    """Return the objects of the operator's chart in the namespace of `kube`, without workloads."""
    text = kube.run("helm", "template", "--kube-version=1.34.0", name, str(CHART), *arguments)
    found = [thing for thing in yaml.safe_load_all(text) if thing and thing["kind"] not in WORKLOADS]
    for thing in found:
        if not thing["kind"].startswith(CLUSTER_SCOPED):
            thing["metadata"].setdefault("namespace", kube.namespace)
    return found


def write_config(kube: Kube, account: str, path: Path, server: str = "") -> Path:
    """Write a kubeconfig of a ServiceAccount, with another address of the API server when `server` is given."""
    config = json.loads(kube("config", "view", "--raw", "--minify", "-o", "json"))
    token = kube("create", "token", account, "--duration=2h")
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    if server:
        config["clusters"][0]["cluster"]["server"] = server
    path.write_text(json.dumps(config))
    return path


class OperatorProcess:
    """An operator that can be started, killed and started again with the same settings; it appends to its log."""

    def __init__(self, account: Path, log: Path, **settings: str) -> None:
        self.metrics_port = free_port()
        ports = {"METRICS_PORT": str(self.metrics_port), "PROBE_PORT": str(free_port())}
        variables = {"ENDPOINTS": EXPORTER["endpoint"], **settings, **ports}
        self._environment = {**os.environ, "KUBECONFIG": str(account)}
        self._environment |= {f"SPANLOOM_OPERATOR_{key}": value for key, value in variables.items()}
        self.log = log

    def start(self) -> None:
        with self.log.open("a") as output:
            self._log_start = self.log.stat().st_size
            self.process = subprocess.Popen(
                [sys.executable, "-m", "spanloom_operator"], env=self._environment, stdout=output, stderr=output
            )

    def wait_until_started(self) -> None:
        """Wait until the operator handles signals; before, SIGTERM ends Python as it ends any program."""
        poll_until(lambda: STARTED in self.log.read_bytes()[self._log_start :], f"the operator starts: {self.log}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        try:
            assert 0 == self.process.wait(20), self.log.read_text()[-2000:]
        finally:
            self.kill()


def scope_settings(home: Kube, *namespaces: Kube) -> dict[str, str]:
    """Return the settings of an operator that manages these namespaces alone, and let its account read their labels."""
    for kube in namespaces:
        kube.apply(*_namespace_reader(home.namespace, kube.namespace))
    return {"NAMESPACE": home.namespace, "NAMESPACES": ",".join(kube.namespace for kube in namespaces)}


def _namespace_reader(home: str, namespace: str) -> list[Object]:
    """Return the Role that a namespaced operator has instead of the ClusterRole's rights to namespaces and Leases."""
    group, metadata = "rbac.authorization.k8s.io", {"name": "op-namespace", "namespace": namespace}
    rule = {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": [namespace], "verbs": ["get"]}
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": home}
    leases = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]}
    lease_rules = [
        {**leases, "verbs": ["create"]},
        {**leases, "resourceNames": [LEASE_NAME], "verbs": ["get", "patch", "delete"]},
    ]
    role = {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": [rule, *lease_rules]}
    reference = {"apiGroup": group, "kind": "Role", "name": "op-namespace"}
    binding = {**role, "kind": "RoleBinding", "roleRef": reference, "subjects": [subject]}
    del binding["rules"]
    return [role, binding]


@contextmanager
def operator_process(account: Path, log: Path, **settings: str) -> Iterator[OperatorProcess]:
    """Run the operator; the settings are SPANLOOM_OPERATOR_* variables without the prefix.

    At the end the cluster's Lease is deleted: it outlives its holder by minutes, in which every other installation of
    the whole cluster stands by.
    """
    operator = OperatorProcess(account, log, **settings)
    operator.start()
    try:
        operator.wait_until_started()
        yield operator
    finally:
        operator.stop()
        if "NAMESPACES" not in settings:
            Kube(CLUSTER_LEASE_NAMESPACE)("delete", "lease", CLUSTER_LEASE_NAME, "--ignore-not-found")
