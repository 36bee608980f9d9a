"""Privileges: what the operator's account may do, by role and by admission policy."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support.builders.deployments import of_kind
from support.cluster.kube import Kube

from spanloom_operator.injection.agent import SECURITY_CONTEXT, AgentInjection, PlacedAgent
from spanloom_operator.injection.pieces import AGENT_INIT_CONTAINER, AGENT_VOLUME
from spanloom_operator.kinds import DEPLOYMENT, KINDS, Kind

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
                "nodeSelector": {"spanloom.dev/none": "none"},  # no pods of the DaemonSet
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


AGENT = PlacedAgent("spanloom-agent:0.1.0", "initContainer", ("app",))
AGENT_MOUNT = {"name": "spanloom-agent", "mountPath": "/spanloom-agent", "readOnly": True}


def agent(
    image: str = AGENT.image, delivery: str = AGENT.delivery, mount: Object = AGENT_MOUNT, **init: object
) -> Object:
    """Return a patch that adds the agent to the container app, with other fields of its init container."""
    pieces = AgentInjection(replace(AGENT, image=image, delivery=delivery), "", {}).pieces
    pod: Object = {"volumes": [pieces[AGENT_VOLUME]], "containers": [{"name": "app", "volumeMounts": [mount]}]}
    if AGENT_INIT_CONTAINER in pieces:
        pod["initContainers"] = [{**pieces[AGENT_INIT_CONTAINER], **init}]
    return {"spec": {"template": {"spec": pod}}}


def agent_volume(**source: object) -> Object:
    """Return a patch that adds a volume of the agent's name."""
    return {"spec": {"template": {"spec": {"volumes": [{"name": "spanloom-agent", **source}]}}}}


WEAKER = [
    {"privileged": True, "allowPrivilegeEscalation": True},
    {"runAsUser": 0},
    {"allowPrivilegeEscalation": True},
    {"readOnlyRootFilesystem": False},
]
ELSEWHERE = {"name": "PYTHONPATH", "value": "/tmp"}
SIMILAR = {"name": "PYTHONPATH", "value": "/spanloom-agent/agents"}
REFUSED_AGENTS: dict[str, Object] = {
    "another image of the agent": agent("evil:1"),
    "another command": agent(command=["/bin/sh"]),
    "more arguments": agent(args=["/etc"]),
    "env of the agent's container": agent(env=[{"name": "A", "value": "1"}]),
    "another mount of the agent's container": agent(
        volumeMounts=[{"name": "spanloom-agent", "mountPath": "/spanloom-agent", "subPath": "x"}]
    ),
    "an init container that runs on": agent(restartPolicy="Always"),
    "a volume of the host": agent_volume(hostPath={"path": "/"}),
    "a volume in memory": agent_volume(emptyDir={"sizeLimit": "16Mi", "medium": "Memory"}),
    "a larger volume": agent_volume(emptyDir={"sizeLimit": "16Gi"}),
    "a mount that is not read-only": agent(mount={**AGENT_MOUNT, "readOnly": False}),
    "a mount elsewhere": agent(mount={**AGENT_MOUNT, "mountPath": "/etc"}),
    "PYTHONPATH to elsewhere": container(env=[ELSEWHERE]),
    "PYTHONPATH to a similar path": container(env=[SIMILAR]),
    **{f"a security context with {weaker}": agent(securityContext={**SECURITY_CONTEXT, **weaker}) for weaker in WEAKER},
}
REFUSED: dict[str, Object] = {
    **REFUSED_AGENTS,
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
    "the agent": agent(),
    "the agent with resources": agent(resources={"limits": {"memory": "64Mi"}}),
    "PYTHONPATH with the agent": container(env=[{"name": "PYTHONPATH", "value": "/spanloom-agent/agent:/app"}]),
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
EVERY_KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@pytest.fixture
def operator(kube: Kube, account: Path, kind: Kind) -> Kube:
    kube.apply(of_kind(kind, deepcopy({**BASE, "metadata": {**BASE["metadata"], "namespace": kube.namespace}})))
    return Kube(kube.namespace, str(account))


def patch(operator: Kube, kind: Kind, body: Object, *, succeeds: bool) -> str:
    command = ("patch", f"{kind.resource}/shop", "--type=strategic", "--patch", json.dumps(body))
    return operator(*command, succeeds=succeeds)


def moved(kind: Kind, body: Object) -> Object:
    """Return a patch of a Deployment as one of another kind."""
    template = body.get("spec", {}).get("template")
    if template is None:
        return body
    pod = kind.with_pod({})
    kind.template_owner(pod)["template"] = template  # type: ignore[index]
    return pod


@pytest.mark.parametrize(("verb", "resource", "response"), MAY)
def test_can_i(account: Path, verb: str, resource: str, response: str) -> None:
    """The role lets the operator do what it does, and no more: no Secrets, no pods, no creating."""
    kind, _, subresource = resource.partition("/")
    Kube("default", str(account))(
        "auth", "can-i", verb, kind, f"--subresource={subresource}", succeeds=response == "yes"
    )


@EVERY_KIND
def test_patch_outside_otel_is_refused(operator: Kube, kind: Kind) -> None:
    """A thief of the operator's account can change only OTEL_* entries, the old annotation, and what is the agent's."""
    bodies = [moved(kind, body) for body in REFUSED.values()] + [{"spec": spec} for spec in REFUSED_OF_KIND[kind.name]]
    for body in bodies:
        assert "the operator may" in patch(operator, kind, body, succeeds=False), body


@EVERY_KIND
def test_patch_inside_is_allowed(operator: Kube, kind: Kind) -> None:
    """What the operator is for passes the policy."""
    for body in ALLOWED.values():
        patch(operator, kind, moved(kind, body), succeeds=True)


@pytest.mark.parametrize("kind", [DEPLOYMENT])
def test_agent_may_be_removed(operator: Kube, kind: Kind) -> None:
    """The operator removes what it has added, also when its image is allowed no more."""
    patch(operator, kind, agent(), succeeds=True)
    pieces: dict[str, list[Object]] = {
        "volumes": [{"$patch": "delete", "name": "spanloom-agent"}],
        "initContainers": [{"$patch": "delete", "name": "spanloom-agent"}],
        "containers": [{"name": "app", "volumeMounts": [{"$patch": "delete", "mountPath": "/spanloom-agent"}]}],
    }
    patch(operator, kind, {"spec": {"template": {"spec": pieces}}}, succeeds=True)


@pytest.mark.parametrize("kind", [DEPLOYMENT])
def test_agent_of_an_image_that_is_allowed_no_more(operator: Kube, kube: Kube, kind: Kind) -> None:
    """What is there is left alone or removed, whatever its image; other changes are not in its way."""
    kube("patch", "deployment/shop", "--type=strategic", "--patch", json.dumps(agent("spanloom-agent:0.0.1")))
    patch(operator, kind, container(env=[{"name": "OTEL_SERVICE_NAME", "value": "shop"}]), succeeds=True)
    patch(operator, kind, agent(), succeeds=True)


@pytest.mark.parametrize("kind", [DEPLOYMENT])
def test_users_init_container_of_the_agents_name(operator: Kube, kube: Kube, kind: Kind) -> None:
    """An init container of the agent's name that is not the agent is a user's, and stays."""
    its = {"name": "spanloom-agent", "image": "none:0"}
    kube("patch", "deployment/shop", "--type=strategic", "--patch", json.dumps(init_container(**its)))
    removed = {"spec": {"template": {"spec": {"initContainers": [{"$patch": "delete", "name": "spanloom-agent"}]}}}}
    assert "the operator" in patch(operator, kind, removed, succeeds=False)
    assert "the operator" in patch(operator, kind, agent(), succeeds=False)


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


OF_THE_AGENT = {
    ("Container", "c"): {"name", "image", "imagePullPolicy", "terminationMessagePath", "terminationMessagePolicy"},
    ("SecurityContext", "securityContext"): set[str](),
    ("VolumeMount", "m"): {"name", "mountPath"},
}


def test_no_field_of_the_agent_is_forgotten(home: Kube) -> None:
    """The policy covers every field that this API server has in the agent's init container and its mounts."""
    schemas = json.loads(home("get", "--raw", "/openapi/v3/apis/apps/v1"))["components"]["schemas"]
    policy = json.dumps(home.get("validatingadmissionpolicy/op-e2e-home-op-operator")["spec"])
    fields = {
        f"{variable}.?{field}"
        for (kind, variable), free in OF_THE_AGENT.items()
        for field in schemas[f"io.k8s.api.core.v1.{kind}"]["properties"].keys() - free
    }
    assert {field for field in fields if f"{field}." not in policy} == set()
