"""The parts of a workload that the operator reads, checked as the API server would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from spanloom_operator.explain.problems import ExplainError
from spanloom_operator.explain.strict import Part, check
from spanloom_operator.kinds import CRONJOB, KINDS, UNCHANGEABLE

if TYPE_CHECKING:
    from spanloom_operator.explain.documents import Document

Object = dict[str, Any]


class _Reference(Part):
    name: str


class _Variable(Part):
    name: str
    value: str | None = None
    valueFrom: Object | None = None  # noqa: N815 - Kubernetes' name


class _Source(Part):
    prefix: str | None = None
    configMapRef: _Reference | None = None  # noqa: N815 - Kubernetes' name
    secretRef: _Reference | None = None  # noqa: N815 - Kubernetes' name


class _Mount(Part):
    name: str
    mountPath: str  # noqa: N815 - Kubernetes' name


class _Container(Part):
    name: str
    image: str | None = None
    env: list[_Variable] | None = None
    envFrom: list[_Source] | None = None  # noqa: N815 - Kubernetes' name
    volumeMounts: list[_Mount] | None = None  # noqa: N815 - Kubernetes' name


class _Metadata(Part):
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class _ManagedFields(Part):
    manager: str
    operation: str
    time: str | None = None
    fieldsV1: Object | None = None  # noqa: N815 - Kubernetes' name


class _NamedMetadata(_Metadata):
    name: Annotated[str, Field(min_length=1)]
    namespace: str | None = None
    generation: int | None = None
    uid: str | None = None
    resourceVersion: str | None = None  # noqa: N815 - Kubernetes' name
    managedFields: list[_ManagedFields] | None = None  # noqa: N815 - Kubernetes' name


class _Volume(Part):
    name: str


class _System(Part):
    name: str | None = None


class _PodSpec(Part):
    containers: Annotated[list[_Container], Field(min_length=1)]
    initContainers: list[_Container] | None = None  # noqa: N815 - Kubernetes' name
    volumes: list[_Volume] | None = None
    nodeSelector: dict[str, str] | None = None  # noqa: N815 - Kubernetes' name
    os: _System | None = None


class _Template(Part):
    metadata: _Metadata | None = None
    spec: _PodSpec


class _Selector(Part):
    matchLabels: dict[str, str] | None = None  # noqa: N815 - Kubernetes' name
    matchExpressions: list[Object] | None = None  # noqa: N815 - Kubernetes' name


class _RollingUpdate(Part):
    partition: int | None = None


class _UpdateStrategy(Part):
    type: str | None = None
    rollingUpdate: _RollingUpdate | None = None  # noqa: N815 - Kubernetes' name


class _Spec(Part):
    selector: _Selector | None = None
    replicas: int | None = None
    paused: bool | None = None
    updateStrategy: _UpdateStrategy | None = None  # noqa: N815 - Kubernetes' name
    podManagementPolicy: str | None = None  # noqa: N815 - Kubernetes' name
    template: _Template


class _JobTemplate(Part):
    metadata: _Metadata | None = None
    spec: _Spec


class _CronJobSpec(Part):
    jobTemplate: _JobTemplate  # noqa: N815 - Kubernetes' name


class _Condition(Part):
    type: str
    reason: str | None = None
    message: str | None = None


class _Status(Part):
    observedGeneration: int | None = None  # noqa: N815 - Kubernetes' name
    replicas: int | None = None
    updatedReplicas: int | None = None  # noqa: N815 - Kubernetes' name
    readyReplicas: int | None = None  # noqa: N815 - Kubernetes' name
    availableReplicas: int | None = None  # noqa: N815 - Kubernetes' name
    unavailableReplicas: int | None = None  # noqa: N815 - Kubernetes' name
    currentRevision: str | None = None  # noqa: N815 - Kubernetes' name
    updateRevision: str | None = None  # noqa: N815 - Kubernetes' name
    desiredNumberScheduled: int | None = None  # noqa: N815 - Kubernetes' name
    updatedNumberScheduled: int | None = None  # noqa: N815 - Kubernetes' name
    numberAvailable: int | None = None  # noqa: N815 - Kubernetes' name
    lastScheduleTime: str | None = None  # noqa: N815 - Kubernetes' name
    conditions: list[_Condition] | None = None


class _Workload(Part):
    metadata: _NamedMetadata
    spec: _Spec
    status: _Status | None = None


class _CronJob(Part):
    metadata: _NamedMetadata
    spec: _CronJobSpec
    status: _Status | None = None


def whole_workload(document: Document, namespace: str) -> Object:
    """Return the workload of a document of such a kind, in `namespace` unless it names one.

    Raise ExplainError for a patch, a kind that cannot be changed, or a field that the API server would refuse.
    """
    content, title = document.content, f"{document.place}: {document.title}"
    kind = KINDS.get(document.kind)
    if kind is None:
        unchangeable = UNCHANGEABLE.get(document.kind)
        raise ExplainError(f"{title}: {unchangeable.remedy if unchangeable else 'not a kind of workload'}")
    if content.get("apiVersion") != kind.api_version:
        found = content.get("apiVersion") or "none, as in a patch"
        raise ExplainError(f"{title}: expected apiVersion {kind.api_version}, found {found}")
    check(_CronJob if kind is CRONJOB else _Workload, content, title, missing=", as in a patch")
    metadata = {**content["metadata"], "namespace": content["metadata"].get("namespace") or namespace}
    return dict(_without_nulls({**content, "metadata": metadata}))


def _without_nulls(value: Any) -> Any:
    """Return `value` without the keys that are null, which the API server drops too."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
