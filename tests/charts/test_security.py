"""Security defaults: requirements for every pod, account, secret and network policy of every case."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from charts.rendering import Case, cases, containers, objects, of_kind, pod_templates, selects, show

if TYPE_CHECKING:
    from collections.abc import Callable

    from charts.rendering import Object

ALLOWED_VOLUMES = {"configMap", "secret", "emptyDir", "persistentVolumeClaim", "projected", "downwardAPI", "csi"}
NAMED = "mine"  # the existing account of a case
NUMBERS = {"runAsUser", "runAsGroup", "fsGroup"}
HOST_FIELDS = {"hostNetwork", "hostPID", "hostIPC"}
WORKLOADS = ("deployments", "statefulsets", "daemonsets", "cronjobs")
READABLE = {
    "pods", "jobs", "namespaces", "replicasets", "configmaps", "events", "otelprofiles", "otelinjections", *WORKLOADS,
}  # fmt: skip
# Write access of a part, by kind of object
CHANGES: dict[str, dict[str, set[str]]] = {
    "operator": {
        **{plural: {"patch"} for plural in WORKLOADS},
        "events": {"create"},
        "otelprofiles/status": {"patch"},
        "otelinjections": {"create", "patch", "delete"},
        "leases": {"create", "patch", "delete"},
    },
    "operator-cleanup": {
        **{plural: {"patch"} for plural in WORKLOADS},
        "otelinjections": {"delete"},
        "leases": {"create", "patch", "delete"},
    },
    "operator-users": {"otelprofiles": {"create", "update", "patch", "delete", "deletecollection"}},
    "operator-test": {"deployments": {"create", "patch", "delete"}},  # its own Deployment, by a Role
}
# What reads the log files of a node, which root owns; it is disabled by default
ROOT_PARTS = {"otel-collector-logs": {"runs with a user id", "never runs as root", "mounts no host path"}}
HOST_PATHS = {"/var/log/pods": True, "/var/lib/spanloom-logs": False}
"""Where a part may mount host paths below, and whether it must be for reading only."""
EVERY_CASE = pytest.mark.parametrize("case", cases(), ids=str)

# https://kubernetes.io/docs/concepts/security/pod-security-standards/, restricted, and the project's additions
POD_RULES: dict[str, Callable[[Any], bool]] = {
    "shares no namespace with the host": lambda spec: not HOST_FIELDS & spec.keys(),
    "runs with a user id": lambda spec: (
        spec["securityContext"].get("runAsUser", 0) > 0 or not NUMBERS & spec["securityContext"].keys()  # OpenShift
    ),
    "never runs as root": lambda spec: spec["securityContext"].get("runAsNonRoot") is True,
    "has the runtime's seccomp profile": lambda spec: (
        spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    ),
    "mounts no host path": lambda spec: all(
        set(volume) - {"name"} <= ALLOWED_VOLUMES for volume in spec.get("volumes") or []
    ),
    "has no Service variables": lambda spec: spec["enableServiceLinks"] is False,
    "sets automountServiceAccountToken": lambda spec: "automountServiceAccountToken" in spec,
}
CONTAINER_RULES: dict[str, Callable[[Any], bool]] = {
    "cannot gain privileges": lambda c: c["securityContext"]["allowPrivilegeEscalation"] is False,
    "has no capabilities": lambda c: c["securityContext"]["capabilities"] == {"drop": ["ALL"]},
    "cannot write its root file system": lambda c: c["securityContext"]["readOnlyRootFilesystem"] is True,
    "binds no host port": lambda c: not any("hostPort" in port for port in c.get("ports", [])),
    "requests CPU and memory and has a memory limit": lambda c: (
        {"cpu", "memory"} <= c["resources"]["requests"].keys() and "memory" in c["resources"]["limits"]
    ),
    "has an image digest or version": lambda c: (
        not c["image"].endswith(":latest") and re.search(r"(@sha256:[0-9a-f]{64}|:[\w.-]+)$", c["image"]) is not None
    ),
}


@EVERY_CASE
def test_pod_security_restricted(case: Case) -> None:
    """Every pod meets the Pod Security Standard `restricted`, and has requests and limits."""
    for pod in pod_templates(case):
        broken = [rule for rule, holds in POD_RULES.items() if not holds(pod["spec"])]
        broken += [rule for c in containers(pod) for rule, holds in CONTAINER_RULES.items() if not holds(c)]
        exceptions = ROOT_PARTS.get(pod["metadata"]["labels"]["app.kubernetes.io/name"], set())
        assert set(broken) == exceptions, pod["metadata"]["labels"]


def test_host_paths() -> None:
    """The log files of a node are mounted for reading only, and one directory of the node for writing."""
    for pod in (pod for case in cases() for pod in pod_templates(case)):
        paths = {v["name"]: v["hostPath"]["path"] for v in pod["spec"].get("volumes") or [] if "hostPath" in v}
        for mount in (m for c in containers(pod) for m in c.get("volumeMounts") or [] if m["name"] in paths):
            (is_read_only,) = [HOST_PATHS[root] for root in HOST_PATHS if paths[mount["name"]].startswith(root)]
            assert is_read_only == mount.get("readOnly", False)


@EVERY_CASE
def test_tokens_only_where_needed(case: Case) -> None:
    """Only pods whose account has a role mount a token; every account disables it by default."""
    roles = of_kind(case, "ClusterRoleBinding", "RoleBinding")
    bound = {subject["name"] for item in roles for subject in item["subjects"]}
    with_token = {
        p["spec"]["serviceAccountName"] for p in pod_templates(case) if p["spec"]["automountServiceAccountToken"]
    }
    assert with_token == bound
    assert all(item["automountServiceAccountToken"] is False for item in of_kind(case, "ServiceAccount"))


@EVERY_CASE
def test_one_account_per_workload(case: Case) -> None:
    """Every workload has a ServiceAccount of its own, and every account has a pod."""
    used = [pod["spec"]["serviceAccountName"] for pod in pod_templates(case) if not _is_test(pod)]
    tests = {pod["spec"].get("serviceAccountName", "default") for pod in pod_templates(case) if _is_test(pod)}
    accounts = {item["metadata"]["name"] for item in of_kind(case, "ServiceAccount")}
    assert len(used) == len(set(used))
    assert accounts == (set(used) | tests) - {"default", NAMED}


@EVERY_CASE
def test_roles_are_minimal(case: Case) -> None:
    """Roles grant only the listed reads and writes: no Secrets, no wildcards."""
    for role in of_kind(case, "ClusterRole", "Role"):
        changes = CHANGES.get(role["metadata"]["labels"]["app.kubernetes.io/name"], {})
        for rule in role["rules"]:
            for resource in rule["resources"]:
                assert resource in READABLE | changes.keys(), show(role)
                assert set(rule["verbs"]) <= {"get", "list", "watch"} | changes.get(resource, set()), show(role)


@EVERY_CASE
def test_no_secret_outside_secrets(case: Case) -> None:
    """No ConfigMap, argument or variable contains a password or key: those are files of a Secret."""
    given = re.compile(r"(?i)(password|token|api[-_]?key|secret)$")
    for pod in pod_templates(case):
        for variable in (v for c in containers(pod) for v in c.get("env", [])):
            assert not (given.search(variable["name"]) and "value" in variable), variable
    for item in of_kind(case, "ConfigMap"):
        text = "\n".join(item["data"].values())
        assert re.findall(r"(?im)^\s*password:\s*(?!\"\$\{file:)\S+", text) == [], show(item)


@EVERY_CASE
def test_certificate_authorities_are_mounted_without_keys(case: Case) -> None:
    """Clients that verify a certificate mount ca.crt and never a private key of the same Secret."""
    for pod in pod_templates(case):
        for volume in pod["spec"].get("volumes") or []:
            if re.search(r"\bca\b", volume["name"]):
                assert volume["secret"]["items"] == [{"key": "ca.crt", "path": "ca.crt"}], volume


@EVERY_CASE
def test_default_deny(case: Case) -> None:
    """Every pod is selected by a policy for both directions, so everything without a rule is denied."""
    policies = [item["spec"] for item in of_kind(case, "NetworkPolicy")]
    assert all(policy["policyTypes"] == ["Ingress", "Egress"] for policy in policies)
    for labels in _pod_labels(case):
        assert any(selects(policy["podSelector"], labels) for policy in policies), labels


@EVERY_CASE
def test_servers_have_probes(case: Case) -> None:
    """Every container behind a Service has a readiness and a liveness probe."""
    selectors = [{"matchLabels": service["spec"]["selector"]} for service in of_kind(case, "Service")]
    for pod in pod_templates(case):
        if any(selects(selector, pod["metadata"]["labels"]) for selector in selectors):
            probes = [{"readinessProbe", "livenessProbe"} & c.keys() for c in pod["spec"]["containers"]]
            assert [{"readinessProbe", "livenessProbe"}] * len(probes) == probes, pod["metadata"]["labels"]


@EVERY_CASE
def test_services_select_no_test_pod(case: Case) -> None:
    """A Service selects only its workload, also while `helm test` runs."""
    tests = [pod["metadata"]["labels"] for pod in pod_templates(case) if _is_test(pod)]
    for service in of_kind(case, "Service"):
        assert not any(selects({"matchLabels": service["spec"]["selector"]}, labels) for labels in tests)


@EVERY_CASE
def test_every_rule_names_its_ports(case: Case) -> None:
    """No rule is open to everything: each names its ports, and each ingress rule its sources."""
    for item in of_kind(case, "NetworkPolicy"):
        for rule in [*item["spec"].get("ingress", []), *item["spec"].get("egress", [])]:
            assert rule.get("ports"), show(item)
        for rule in item["spec"].get("ingress", []):
            assert rule.get("from"), show(item)


@EVERY_CASE
def test_policies_name_real_ports(case: Case) -> None:
    """A port name in a policy exists in the selected pods."""
    named = {
        port["name"]: pod["metadata"]["labels"]
        for pod in pod_templates(case)
        for container in containers(pod)
        for port in container.get("ports", [])
    }
    for item in of_kind(case, "NetworkPolicy"):
        rules = [*item["spec"].get("ingress", []), *item["spec"].get("egress", [])]
        used = {port["port"] for rule in rules for port in rule["ports"] if isinstance(port["port"], str)}
        assert used <= named.keys(), show(item)


@EVERY_CASE
def test_selectors_select(case: Case) -> None:
    """Services, disruption budgets and policies select existing pods of the same release."""
    pods = _pod_labels(case)
    for item in objects(case):
        selector = _selector(item)
        if selector is not None:
            assert any(selects(selector, labels) for labels in pods), show(item)


def _is_test(pod: Object) -> bool:
    return bool(pod["metadata"].get("annotations", {}).get("helm.sh/hook") == "test")


def _pod_labels(case: Case) -> list[Object]:
    """Return the labels of every pod, including those of CloudNativePG."""
    clusters = [item["spec"]["inheritedMetadata"]["labels"] for item in of_kind(case, "Cluster")]
    return [pod["metadata"]["labels"] for pod in pod_templates(case)] + clusters


def _selector(item: Object) -> Object | None:
    spec: Object = item.get("spec", {})
    match item["kind"]:
        case "Service":
            return {"matchLabels": spec["selector"]}
        case "PodDisruptionBudget" | "Deployment" | "StatefulSet":
            chosen: Object = spec["selector"]
            return chosen
        case "NetworkPolicy":
            pods: Object = spec["podSelector"]
            return pods
    return None
