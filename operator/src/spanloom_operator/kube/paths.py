"""REST paths of what the operator reads and writes; an empty namespace means all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanloom_operator.kinds import KINDS
from spanloom_operator.names import GROUP, INJECTION_PLURAL, PROFILE_PLURAL, VERSION

if TYPE_CHECKING:
    from spanloom_operator.kinds import Kind, Unchangeable, WorkloadKey

NAMESPACES = "/api/v1/namespaces"


def _path(prefix: str, namespace: str, plural: str, name: str) -> str:
    parts = [prefix, *(["namespaces", namespace] if namespace else []), plural, *([name] if name else [])]
    return "/".join(parts)


def workloads(kind: Kind, namespace: str = "", name: str = "") -> str:
    """Workloads of one kind, or one of them."""
    return _path(f"/apis/{kind.api_version}", namespace, kind.plural, name)


def workload(key: WorkloadKey) -> str:
    """One workload."""
    return workloads(KINDS[key.kind], key.namespace, key.name)


def unchangeable(kind: Unchangeable, namespace: str = "") -> str:
    """Objects of a kind that cannot be changed."""
    prefix = "/apis" if "/" in kind.api_version else "/api"
    return _path(f"{prefix}/{kind.api_version}", namespace, kind.plural, "")


def replicasets(namespace: str = "") -> str:
    """ReplicaSets: they carry the labels of the pod template."""
    return _path("/apis/apps/v1", namespace, "replicasets", "")


def profiles(namespace: str = "", name: str = "") -> str:
    """OtelProfiles, or one."""
    return _path(f"/apis/{GROUP}/{VERSION}", namespace, PROFILE_PLURAL, name)


def injections(namespace: str = "", name: str = "") -> str:
    """OtelInjections, or one."""
    return _path(f"/apis/{GROUP}/{VERSION}", namespace, INJECTION_PLURAL, name)


def leases(namespace: str = "", name: str = "") -> str:
    """Leases, or one."""
    return _path("/apis/coordination.k8s.io/v1", namespace, "leases", name)


def config_map(namespace: str, name: str) -> str:
    """One ConfigMap."""
    return _path("/api/v1", namespace, "configmaps", name)


def events(namespace: str) -> str:
    """Events of a namespace."""
    return _path("/api/v1", namespace, "events", "")
