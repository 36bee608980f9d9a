"""Whole workloads, and one line for everything else."""

from __future__ import annotations

from typing import Any

import pytest
from support.builders.deployments import container, deployment

from spanloom_operator.explain.documents import Document
from spanloom_operator.explain.problems import ExplainError
from spanloom_operator.explain.workload import whole_workload

SHOP = deployment()
CONTAINER = container()
PATH = "spec.template.spec.containers.0"


def with_metadata(**fields: Any) -> dict[str, Any]:
    return {**SHOP, "metadata": {**SHOP["metadata"], **fields}}


def with_container(**fields: Any) -> dict[str, Any]:
    return deployment({**CONTAINER, **fields})


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({**SHOP, "apiVersion": None}, "Deployment shop: expected apiVersion apps/v1, found none, as in a patch"),
        ({**SHOP, "apiVersion": "v1"}, "Deployment shop: expected apiVersion apps/v1, found v1"),
        ({**SHOP, "spec": {"replicas": 2}}, "Deployment shop: no spec.template, as in a patch"),
        (with_metadata(name=None), "Deployment without a name: metadata.name None: expected a valid string"),
        (with_metadata(labels={"a/b": True}), "Deployment shop: metadata.labels.a/b True: expected a valid string"),
        (with_container(env=[{"value": "a"}]), f"Deployment shop: no {PATH}.env.0.name, as in a patch"),
        (
            with_container(env=[{"name": "A", "value": 1}]),
            f"Deployment shop: {PATH}.env.0.value 1: expected a valid string",
        ),
        (
            with_container(envFrom=[{"configMapRef": {}}]),
            f"Deployment shop: no {PATH}.envFrom.0.configMapRef.name, as in a patch",
        ),
    ],
)
def test_what_is_no_whole_workload(content: dict[str, Any], expected: str) -> None:
    """Patches and fields that the API server refuses are one line with place, name and reason."""
    with pytest.raises(ExplainError) as error:
        whole_workload(Document("f:1", content), "default")

    assert f"f:1: {expected}" == str(error.value)


def test_namespace() -> None:
    """A manifest without a namespace gets the current one; one that names it keeps it."""
    nowhere = {**SHOP, "metadata": {"name": "shop"}}

    found = [whole_workload(Document("f:1", content), "mine")["metadata"]["namespace"] for content in (nowhere, SHOP)]

    assert ["mine", "demo"] == found


def test_nulls_are_dropped() -> None:
    """`labels:` with nothing behind it is the same as no labels, at every depth."""
    content = {**with_metadata(labels=None), **deployment({**CONTAINER, "env": None})}

    found = whole_workload(Document("f:1", {**content, "metadata": with_metadata(labels=None)["metadata"]}), "default")

    assert "labels" not in found["metadata"]
    assert "env" not in found["spec"]["template"]["spec"]["containers"][0]
