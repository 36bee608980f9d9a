"""What a developer of a namespace may do and see: the roles `view` and `edit`, and `spanloom explain` with them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.builders.deployments import deployment, profile
from support.polling import poll_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.cluster.kube import Kube

READ, WRITE = ("get", "list", "watch"), ("create", "update", "patch", "delete")


def developer(kube: Kube, role: str) -> str:
    """Create a ServiceAccount with one of Kubernetes' own roles in its namespace; return its user name."""
    kube("create", "serviceaccount", role)
    kube("create", "rolebinding", role, f"--clusterrole={role}", f"--serviceaccount={kube.namespace}:{role}")
    return f"system:serviceaccount:{kube.namespace}:{role}"


def may(kube: Kube, user: str, verb: str, resource: str = "otelprofiles.spanloom.dev") -> bool:
    """Return whether the API server allows it."""
    review = {"resourceAttributes": {"namespace": kube.namespace, "verb": verb}, "user": user}
    review["resourceAttributes"] |= dict(zip(("resource", "group"), resource.split(".", 1), strict=True))  # type: ignore[operator]
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": review}
    allowed: bool = json.loads(kube("create", "-f", "-", "-o", "json", stdin=json.dumps(body)))["status"]["allowed"]
    return allowed


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(("role", "writes"), [("view", False), ("edit", True), ("admin", True)])
def test_roles_of_developers(kube: Kube, role: str, writes: bool) -> None:
    """`view` reads profiles and injections of its namespace, `edit` and `admin` change profiles, none injections."""
    user = developer(kube, role)
    poll_until(lambda: may(kube, user, "get"), "the controller has aggregated the roles")

    assert {True} == {may(kube, user, verb) for verb in READ}
    assert {writes} == {may(kube, user, verb) for verb in WRITE}
    assert {True} == {may(kube, user, verb, "otelinjections.spanloom.dev") for verb in READ}
    assert {False} == {may(kube, user, verb, "otelinjections.spanloom.dev") for verb in WRITE}


@pytest.mark.usefixtures("home")
def test_a_developer_explains_what_they_may_read(kube: Kube, config_of: Callable[[Kube, str], Path]) -> None:
    """With `view`, the namespace's profile counts; the operator's own, which may not be read, becomes a note."""
    user = developer(kube, "view")
    poll_until(lambda: may(kube, user, "get"), "the controller has aggregated the roles")
    shop = deployment(namespace=kube.namespace, labels={"spanloom.dev/inject": "true"})
    shop["spec"] |= {"selector": {"matchLabels": {"app": "shop"}}, "replicas": 0}
    for key in ("uid", "resourceVersion"):
        del shop["metadata"][key]
    kube.apply(shop, {**profile(), "metadata": {"name": "default", "namespace": kube.namespace}})

    command = ("explain", "deployment/shop", "-n", kube.namespace, "-o", "json")
    [found] = json.loads(kube.cli(*command, kubeconfig=config_of(kube, "view")))

    assert ("Injected", [f"{kube.namespace}/default"]) == (found["outcome"], found["profiles"])
    assert ["the operator's settings are not known", "not known: OtelProfile spanloom-system/default"] == [
        note.partition(" (")[0] for note in found["notes"]
    ]
