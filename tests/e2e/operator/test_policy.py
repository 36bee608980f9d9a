"""Privileges: what the operator's account may do, by role and by admission policy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.cluster.kube import Kube

if TYPE_CHECKING:
    from pathlib import Path

    from support.cluster.kube import Object

MAY = [
    ("list", "deployments.apps", "yes"),
    ("watch", "deployments.apps", "yes"),
    ("patch", "deployments.apps", "yes"),
    ("create", "events", "yes"),
    ("get", "configmaps", "yes"),
    ("watch", "otelprofiles.spanloom.dev", "yes"),
    ("patch", "otelprofiles.spanloom.dev/status", "yes"),
    ("patch", "otelinjections.spanloom.dev", "yes"),
    ("list", "leases.coordination.k8s.io", "no"),
    ("create", "deployments.apps", "no"),
    ("update", "deployments.apps", "no"),
    ("delete", "deployments.apps", "no"),
    ("get", "secrets", "no"),
    ("list", "secrets", "no"),
    ("list", "pods", "no"),
    ("create", "pods", "no"),
    ("create", "pods/exec", "no"),
    ("list", "configmaps", "no"),
    ("patch", "otelprofiles.spanloom.dev", "no"),
    ("patch", "statefulsets.apps", "no"),
    ("patch", "namespaces", "no"),
    ("create", "serviceaccounts/token", "no"),
    ("impersonate", "users", "no"),
]
BASE: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "shop", "labels": {"a": "b"}, "annotations": {"mine": "1", "spanloom.dev/status": "{}"}},
    "spec": {
        "replicas": 0,
        "selector": {"matchLabels": {"app": "shop"}},
        "template": {
            "metadata": {"labels": {"app": "shop"}},
            "spec": {
                "initContainers": [{"name": "setup", "image": "none:0"}],
                "containers": [{"name": "app", "image": "none:0", "env": [{"name": "A", "value": "1"}]}],
            },
        },
    },
}


def container(**fields: object) -> Object:
    return {"spec": {"template": {"spec": {"containers": [{"name": "app", **fields}]}}}}


def init_container(**fields: object) -> Object:
    return {"spec": {"template": {"spec": {"initContainers": [{"name": "setup", **fields}]}}}}


REFUSED: dict[str, Object] = {
    "an entry outside OTEL_*": container(env=[{"name": "LD_PRELOAD", "value": "/x"}]),
    "a user's entry": container(env=[{"name": "A", "value": "2"}]),
    "image": container(image="evil:1"),
    "command": container(command=["evil"]),
    "envFrom": container(envFrom=[{"secretRef": {"name": "secret"}}]),
    "another container": {"spec": {"template": {"spec": {"containers": [{"name": "evil", "image": "evil:1"}]}}}},
    "init container": {"spec": {"template": {"spec": {"initContainers": [{"name": "evil", "image": "evil:1"}]}}}},
    "image of an init container": init_container(image="evil:1"),
    "an annotation of the operator": {"metadata": {"annotations": {"spanloom.dev/status": "x"}}},
    "service account": {"spec": {"template": {"spec": {"serviceAccountName": "admin"}}}},
    "host network": {"spec": {"template": {"spec": {"hostNetwork": True}}}},
    "volume": {"spec": {"template": {"spec": {"volumes": [{"name": "x", "hostPath": {"path": "/"}}]}}}},
    "pod label": {"spec": {"template": {"metadata": {"labels": {"x": "y"}}}}},
    "replicas": {"spec": {"replicas": 3}},
    "label": {"metadata": {"labels": {"a": "c"}}},
    "finalizer": {"metadata": {"finalizers": ["spanloom.dev/x"]}},
    "a user's annotation": {"metadata": {"annotations": {"mine": "2"}}},
    "a user's annotation removed": {"metadata": {"annotations": {"mine": None}}},
}
ALLOWED: dict[str, Object] = {
    "OTEL_* entries": container(env=[{"name": "OTEL_SERVICE_NAME", "value": "shop"}]),
    "the marker of the injected entries": container(env=[{"name": "SPANLOOM_INJECTED", "value": "x"}]),
    "OTEL_* entries of an init container": init_container(env=[{"name": "OTEL_SERVICE_NAME", "value": "shop"}]),
    "the annotation of earlier versions removed": {"metadata": {"annotations": {"spanloom.dev/status": None}}},
}


@pytest.fixture
def operator(kube: Kube, account: Path) -> Kube:
    kube.apply({**BASE, "metadata": {**BASE["metadata"], "namespace": kube.namespace}})
    return Kube(kube.namespace, str(account))


def patch(operator: Kube, body: Object, *, succeeds: bool) -> str:
    return operator("patch", "deployment/shop", "--type=strategic", "--patch", json.dumps(body), succeeds=succeeds)


@pytest.mark.parametrize(("verb", "resource", "response"), MAY)
def test_can_i(account: Path, verb: str, resource: str, response: str) -> None:
    """The role lets the operator do what it does, and no more: no Secrets, no pods, no creating."""
    kind, _, subresource = resource.partition("/")
    Kube("default", str(account))(
        "auth", "can-i", verb, kind, f"--subresource={subresource}", succeeds=response == "yes"
    )


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_patch_outside_otel_is_refused(operator: Kube, body: Object) -> None:
    """A thief of the operator's account can change only OTEL_* entries and the old annotation."""
    assert "the operator" in patch(operator, body, succeeds=False)


@pytest.mark.parametrize("body", ALLOWED.values(), ids=ALLOWED)
def test_patch_inside_is_allowed(operator: Kube, body: Object) -> None:
    """What the operator is for passes the policy."""
    patch(operator, body, succeeds=True)


def test_no_field_is_forgotten(home: Kube) -> None:
    """The policy covers every field that this API server has in a Deployment and its pods."""
    schemas = json.loads(home("get", "--raw", "/openapi/v3/apis/apps/v1"))["components"]["schemas"]
    policy = json.dumps(home.get("validatingadmissionpolicy/op-e2e-home-op-operator")["spec"])
    kinds = {
        "apps.v1.DeploymentSpec": {"template"},
        "core.v1.PodSpec": {"containers", "initContainers"},
        "core.v1.Container": {"env"},
    }
    fields = {
        f"{kind}.{field}"
        for kind, free in kinds.items()
        for field in schemas[f"io.k8s.api.{kind}"]["properties"].keys() - free
    }
    assert {field for field in fields if f".?{field.rsplit('.', 1)[1]} ==" not in policy} == set()
