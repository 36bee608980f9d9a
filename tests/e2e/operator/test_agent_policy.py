"""Privileges: what the operator's account may do about the agent."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from e2e.operator.patches import EVERY_KIND, container, init_container, moved, patch

from spanloom_operator.injection.agent import SECURITY_CONTEXT, AgentInjection, PlacedAgent
from spanloom_operator.injection.pieces import AGENT_INIT_CONTAINER, AGENT_VOLUME
from spanloom_operator.kinds import DEPLOYMENT, Kind

if TYPE_CHECKING:
    from support.cluster.kube import Kube, Object

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
REFUSED: dict[str, Object] = {
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
ALLOWED: dict[str, Object] = {
    "the agent": agent(),
    "the agent with resources": agent(resources={"limits": {"memory": "64Mi"}}),
    "PYTHONPATH with the agent": container(env=[{"name": "PYTHONPATH", "value": "/spanloom-agent/agent:/app"}]),
}


@EVERY_KIND
def test_patch_that_is_not_the_agent_is_refused(operator: Kube, kind: Kind) -> None:
    """A thief of the operator's account can add the agent to a workload of any kind, and nothing like it."""
    for body in REFUSED.values():
        assert "the operator may" in patch(operator, kind, moved(kind, body), succeeds=False), body


@EVERY_KIND
def test_agent_is_allowed(operator: Kube, kind: Kind) -> None:
    """What the operator does with the agent passes the policy."""
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
