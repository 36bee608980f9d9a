"""The parts of a Deployment that the operator reads, checked as the API server would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spanloom_operator.explain.problems import ExplainError

if TYPE_CHECKING:
    from spanloom_operator.explain.documents import Document

Object = dict[str, Any]
API_VERSION = "apps/v1"


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class _Reference(_Part):
    name: str


class _Variable(_Part):
    name: str
    value: str | None = None
    valueFrom: Object | None = None  # noqa: N815 - Kubernetes' name


class _Source(_Part):
    prefix: str | None = None
    configMapRef: _Reference | None = None  # noqa: N815 - Kubernetes' name
    secretRef: _Reference | None = None  # noqa: N815 - Kubernetes' name


class _Container(_Part):
    name: str
    image: str | None = None
    env: list[_Variable] | None = None
    envFrom: list[_Source] | None = None  # noqa: N815 - Kubernetes' name


class _Metadata(_Part):
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class _NamedMetadata(_Metadata):
    name: Annotated[str, Field(min_length=1)]
    namespace: str | None = None


class _PodSpec(_Part):
    containers: Annotated[list[_Container], Field(min_length=1)]


class _Template(_Part):
    metadata: _Metadata | None = None
    spec: _PodSpec


class _Spec(_Part):
    template: _Template


class _Deployment(_Part):
    metadata: _NamedMetadata
    spec: _Spec


def whole_deployment(document: Document, namespace: str) -> Object:
    """Return the Deployment of a document, in `namespace` unless it names one.

    Raise ExplainError for another kind, a patch, or a field that the API server would refuse.
    """
    content = document.content
    if content.get("kind") != "Deployment":
        raise ExplainError(f"{document.place}: {document.title} is not a Deployment")
    if content.get("apiVersion") != API_VERSION:
        found = content.get("apiVersion") or "none, as in a patch"
        raise ExplainError(f"{document.place}: {document.title}: expected apiVersion {API_VERSION}, found {found}")
    try:
        _Deployment.model_validate(content)
    except ValidationError as error:
        raise ExplainError(f"{document.place}: {document.title}: {_line(error)}") from None
    metadata = {**content["metadata"], "namespace": content["metadata"].get("namespace") or namespace}
    return dict(_without_nulls({**content, "metadata": metadata}))


def _without_nulls(value: Any) -> Any:
    """Return `value` without the keys that are null, which the API server drops too."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _line(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "missing":
        return f"no {path}, as in a patch"
    found = "" if isinstance(problem["input"], dict | list) else f" {problem['input']!r}"
    return f"{path}{found}: {problem['msg'].replace('Input should be', 'expected', 1)}"
