"""Privileges: what the operator's account may do, by role and by admission policy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from e2e.operator.patches import EVERY_KIND, container, init_container, moved, patch
from support.cluster.kube import Kube

from spanloom_operator.kinds import KINDS, Kind

if TYPE_CHECKING:
    from pathlib import Path

    from support.cluster.kube import Object

MAY = [
    *((verb, kind.resource, "yes") for verb in ("list", "watch", "patch") for kind in KINDS.values()),
    ("watch", "jobs.batch", "yes"),
    ("watch", "pods", "yes"),
    ("create", "events", "yes"),
    ("get", "configmaps", "yes"),
    ("watch", "otelprofiles.spanloom.dev", "yes"),
    ("patch", "otelprofiles.spanloom.dev/status", "yes"),
    ("patch", "otelinjections.spanloom.dev", "yes"),
    ("list", "leases.coordination.k8s.io", "no"),
    *((verb, kind.resource, "no") for verb in ("create", "update", "delete") for kind in KINDS.values()),
    ("patch", "jobs.batch", "no"),
    ("patch", "pods", "no"),
    ("delete", "pods", "no"),
    ("get", "secrets", "no"),
    ("list", "secrets", "no"),
    ("get", "pods", "no"),
    ("create", "pods", "no"),
    ("create", "pods/exec", "no"),
    ("list", "configmaps", "no"),
    ("patch", "otelprofiles.spanloom.dev", "no"),
    ("patch", "namespaces", "no"),
    ("create", "serviceaccounts/token", "no"),
    ("impersonate", "users", "no"),
]
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


REFUSED_OF_KIND: dict[str, list[Object]] = {
    "Deployment": [{"replicas": 3}, {"minReadySeconds": 5}],
    "StatefulSet": [{"replicas": 3}, {"minReadySeconds": 5}],
    "DaemonSet": [{"minReadySeconds": 5}, {"revisionHistoryLimit": 5}],
    "CronJob": [
        {"schedule": "1 0 * * *"},
        {"suspend": True},
        {"jobTemplate": {"spec": {"backoffLimit": 1}}},
        {"jobTemplate": {"metadata": {"labels": {"x": "y"}}}},
    ],
}


@pytest.mark.parametrize(("verb", "resource", "response"), MAY)
def test_can_i(account: Path, verb: str, resource: str, response: str) -> None:
    """The role lets the operator do what it does, and no more: no Secrets, no pods, no creating."""
    kind, _, subresource = resource.partition("/")
    Kube("default", str(account))(
        "auth", "can-i", verb, kind, f"--subresource={subresource}", succeeds=response == "yes"
    )


@EVERY_KIND
def test_patch_outside_otel_is_refused(operator: Kube, kind: Kind) -> None:
    """A thief of the operator's account can change only OTEL_* entries and the old annotation, in any kind."""
    bodies = [moved(kind, body) for body in REFUSED.values()] + [{"spec": spec} for spec in REFUSED_OF_KIND[kind.name]]
    for body in bodies:
        assert "the operator may" in patch(operator, kind, body, succeeds=False), body


@EVERY_KIND
def test_patch_inside_is_allowed(operator: Kube, kind: Kind) -> None:
    """What the operator is for passes the policy."""
    for body in ALLOWED.values():
        patch(operator, kind, moved(kind, body), succeeds=True)


def test_no_field_is_forgotten(home: Kube) -> None:
    """The policy covers every field that this API server has in a workload and its pods, and every kind."""
    groups = {kind.api_version for kind in KINDS.values()}
    pages = [json.loads(home("get", "--raw", f"/openapi/v3/apis/{group}")) for group in groups]
    schemas = {name: schema for page in pages for name, schema in page["components"]["schemas"].items()}
    policy = json.dumps(home.get("validatingadmissionpolicy/op-e2e-home-op-operator")["spec"])
    kinds = {
        **{
            f"{kind.api_version.replace('/', '.')}.{kind.name}Spec": {"template", "jobTemplate"}
            for kind in KINDS.values()
        },
        "batch.v1.JobSpec": {"template"},
        "core.v1.PodSpec": {"containers", "initContainers", "volumes"},
        "core.v1.Container": {"env", "volumeMounts"},
    }
    fields = {
        f"{kind}.{field}"
        for kind, free in kinds.items()
        for field in schemas[f"io.k8s.api.{kind}"]["properties"].keys() - free
    }
    assert {field for field in fields if f".?{field.rsplit('.', 1)[1]} ==" not in policy} == set()
    assert {kind.plural for kind in KINDS.values() if f'"{kind.plural}/*"' not in policy} == set()
