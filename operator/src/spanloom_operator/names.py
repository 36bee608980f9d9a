"""Names that the operator shares with Kubernetes, OpenTelemetry and users: labels, annotations, kinds, managers."""

from __future__ import annotations

import hashlib

GROUP = "spanloom.dev"
"""API group of the operator's custom resources."""
VERSION = "v1alpha1"
"""Version of the API group."""
API_VERSION = f"{GROUP}/{VERSION}"
"""`apiVersion` of the operator's custom resources."""
PROFILE_KIND, PROFILE_PLURAL = "OtelProfile", "otelprofiles"
"""Custom resource with the telemetry configuration of a namespace."""
INJECTION_KIND, INJECTION_PLURAL = "OtelInjection", "otelinjections"
"""Custom resource with what the operator did to one Deployment, and why."""
DEFAULT_PROFILE = "default"
"""Name of the profile for Deployments that name none."""

INJECT_LABEL = f"{GROUP}/inject"
"""Label of Deployments and namespaces: `true`, `false`, or the name of a profile."""
MODE_ANNOTATION = f"{GROUP}/mode"
"""Annotation of Deployments: `dry-run` announces the change in an Event and writes nothing."""
ACKNOWLEDGED_ANNOTATION = f"{GROUP}/acknowledged"
"""Annotation of Deployments: a new value allows another attempt after an automatic rollback."""
STATUS_ANNOTATION = f"{GROUP}/status"
"""Annotation that versions up to 0.1 wrote on Deployments; it is removed on upgrade."""
RESOURCE_ANNOTATION_PREFIX = "resource.opentelemetry.io/"
"""Annotations that become resource attributes (OpenTelemetry semantic conventions, Kubernetes attributes)."""
RECOMMENDED_LABEL_PREFIX = "app.kubernetes.io/"
"""Recommended labels (https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/)."""
NAME_LABEL = f"{RECOMMENDED_LABEL_PREFIX}name"
INSTANCE_LABEL = f"{RECOMMENDED_LABEL_PREFIX}instance"
VERSION_LABEL = f"{RECOMMENDED_LABEL_PREFIX}version"
DEFAULT_CONTAINER_ANNOTATION = "kubectl.kubernetes.io/default-container"
"""Annotation of pods that names their main container."""

PYTHONPATH_ANNOTATION = f"{GROUP}/pythonpath"
"""Annotation of workloads: the PYTHONPATH that their image sets for itself, which cannot be seen from outside."""
OS_LABEL = "kubernetes.io/os"
"""Label of nodes with their operating system."""

AGENT = "spanloom-agent"
"""Name of the agent's volume, and of its init container."""
AGENT_MOUNT = "/spanloom-agent"
"""Where the volume is mounted in every container."""
AGENT_PATH = f"{AGENT_MOUNT}/agent"
"""The agent's directory, for PYTHONPATH."""

PYTHONPATH = "PYTHONPATH"
SERVICE_NAME = "OTEL_SERVICE_NAME"
RESOURCE_ATTRIBUTES = "OTEL_RESOURCE_ATTRIBUTES"
MARKER = "SPANLOOM_INJECTED"
"""Variable with the digests of the injected variables: it recognizes them in copies and old revisions of a template."""

FIELD_MANAGER_PREFIX = "spanloom-operator/"
"""Field managers of the operator's installations begin so; namespace and name of the installation follow."""
LEGACY_FIELD_MANAGER = "spanloom"
"""Field manager of versions up to 0.1, for all installations."""
MAX_FIELD_MANAGER_LENGTH = 128
"""The API server refuses longer ones."""

LEASE_NAME = "spanloom-operator"
"""Lease in each namespace of an installation that looks after some namespaces only."""
CLUSTER_LEASE_NAME = "spanloom-operator-cluster"
"""Lease of the installation that looks after the whole cluster."""
CLUSTER_LEASE_NAMESPACE = "default"
"""Namespace of the cluster's Lease: the only one that exists everywhere and may be written to on managed clusters."""


def field_manager(installation: str) -> str:
    """Return the field manager of an installation (`namespace/name`)."""
    manager = FIELD_MANAGER_PREFIX + installation
    if len(manager) <= MAX_FIELD_MANAGER_LENGTH:
        return manager
    digest = hashlib.sha256(manager.encode()).hexdigest()[:12]
    return f"{manager[: MAX_FIELD_MANAGER_LENGTH - len(digest) - 1]}-{digest}"


def is_operator_manager(manager: str) -> bool:
    """Return whether a field manager is that of any installation of the operator, of whatever version."""
    return manager == LEGACY_FIELD_MANAGER or manager.startswith(FIELD_MANAGER_PREFIX)
