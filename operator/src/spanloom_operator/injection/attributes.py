"""Resource attributes of one container, each with its source.

Names and precedence: OpenTelemetry semantic conventions, "Specify resource attributes using Kubernetes annotations".
The pod template's annotations win over the workload's. Nothing depends on what a deployment changes: the image's
tag is not read, and the version of the recommended label is read by the pod itself (downward API).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from spanloom_operator.names import INSTANCE_LABEL, NAME_LABEL, RESOURCE_ANNOTATION_PREFIX, VERSION_LABEL
from spanloom_operator.references import NODE_NAME, POD_NAME, POD_UID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spanloom_operator.injection.workload import Container, Workload
    from spanloom_operator.profiles.reader import Layer

SERVICE_VERSION = "OTEL_RESOURCE_ATTRIBUTES_SERVICE_VERSION"
"""Variable with the pod's label app.kubernetes.io/version."""
VERSION_PATH = f"metadata.labels['{VERSION_LABEL}']"
"""Field of the downward API for that variable."""

Attributes = dict[str, tuple[str, str]]
"""Value and source of each attribute, by key."""


def resource_attributes(workload: Workload, container: Container, layers: Sequence[Layer]) -> Attributes:
    """Return the attributes of one container, percent-encoded as OTEL_RESOURCE_ATTRIBUTES needs them.

    `service.name` is the exception: OTEL_SERVICE_NAME is taken as it is, so only references are escaped.
    """
    found: Attributes = {}
    for layer in reversed(layers):
        for key, value in layer.profile.resource.resource_attributes.items():
            found[key] = encode(value), layer.source
    found |= _kubernetes_attributes(workload, container)
    if VERSION_LABEL in workload.template_labels:
        found["service.version"] = f"$({SERVICE_VERSION})", f"label {VERSION_LABEL}"
    found |= _annotated(workload.annotations, "annotation")
    found |= _annotated(workload.template_annotations, "annotation of the pod template")
    found["service.name"] = service_name(workload)
    return found


def service_name(workload: Workload) -> tuple[str, str]:
    """Return the service's name and its source: annotation, recommended label, or the workload's name."""
    annotation = f"{RESOURCE_ANNOTATION_PREFIX}service.name"
    if name := workload.template_annotations.get(annotation):
        return name.replace("$", "$$"), f"annotation of the pod template {annotation}"
    if name := workload.annotations.get(annotation):
        return name.replace("$", "$$"), f"annotation {annotation}"
    if name := _unique_name_label(workload):
        return name, f"label {NAME_LABEL}"
    return workload.name, workload.kind.name


def encode(value: str) -> str:
    """Percent-encode an attribute's value so that `,`, `=`, spaces and `$(` are nothing but text."""
    return quote(value, safe="/:@")


def _unique_name_label(workload: Workload) -> str | None:
    """Return app.kubernetes.io/name where it distinguishes this workload from others.

    It does where the workload selects its pods by nothing else (but the Helm release): another workload with the
    same name would then select the same pods, which Kubernetes does not allow. Components of one application, which
    share the name, select by more.
    """
    is_selected_by_name = workload.selector.keys() - {INSTANCE_LABEL} == {NAME_LABEL}
    return workload.selector[NAME_LABEL] if is_selected_by_name and not workload.has_selector_expressions else None


def _annotated(annotations: Mapping[str, str], source: str) -> Attributes:
    return {
        key.removeprefix(RESOURCE_ANNOTATION_PREFIX): (encode(value), f"{source} {key}")
        for key, value in annotations.items()
        if key.startswith(RESOURCE_ANNOTATION_PREFIX)
    }


def _kubernetes_attributes(workload: Workload, container: Container) -> Attributes:
    namespace, name, kind = workload.namespace, container.name, workload.kind
    return {
        "service.namespace": (namespace, kind.name),
        "service.instance.id": (f"{namespace}.$({POD_NAME}).{name}", "downward API"),
        "k8s.namespace.name": (namespace, kind.name),
        kind.attribute: (workload.name, kind.name),
        "k8s.container.name": (name, kind.name),
        "k8s.pod.name": (f"$({POD_NAME})", "downward API"),
        "k8s.pod.uid": (f"$({POD_UID})", "downward API"),
        "k8s.node.name": (f"$({NODE_NAME})", "downward API"),
    }
