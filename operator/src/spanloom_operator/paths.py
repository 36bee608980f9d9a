"""REST paths of what the operator reads and writes; an empty namespace means all of them."""

from __future__ import annotations

from spanloom_operator.profile import GROUP, PLURAL, VERSION

NAMESPACES = "/api/v1/namespaces"


def _in(prefix: str, namespace: str, plural: str, name: str) -> str:
    parts = [prefix, *(["namespaces", namespace] if namespace else []), plural, *([name] if name else [])]
    return "/".join(parts)


def deployments(namespace: str = "", name: str = "") -> str:
    """Deployments, or one."""
    return _in("/apis/apps/v1", namespace, "deployments", name)


def replicasets(namespace: str = "") -> str:
    """ReplicaSets: they carry the labels of the pod template."""
    return _in("/apis/apps/v1", namespace, "replicasets", "")


def profiles(namespace: str = "", name: str = "") -> str:
    """OtelProfiles, or one."""
    return _in(f"/apis/{GROUP}/{VERSION}", namespace, PLURAL, name)


def config_map(namespace: str, name: str) -> str:
    """One ConfigMap."""
    return _in("/api/v1", namespace, "configmaps", name)
