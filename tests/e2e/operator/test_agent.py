"""The agent on a real API server and a real node: it comes with the label, and goes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from e2e.operator.shop import env, label, profile, shop, unlabel
from support.cluster.images import load_images
from support.cluster.kube import Object, injection, visible_fields, wait_for_state
from support.cluster.namespaces import RESTRICTED
from support.cluster.operator_process import ABSENT_AGENT, EXPORTER

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from support.cluster.kube import Kube

    Operating = Callable[..., AbstractContextManager[object]]

pytestmark = pytest.mark.timeout(600)

IMAGE = "spanloom-agent:0.1.0"
RIGHTS = {
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
FINDER = "import sys; print(type(sys.meta_path[0]).__name__)"


def restricted_shop(kube: Kube, replicas: int = 1) -> Object:
    """Return a Deployment with entries of the user's own in every list that the agent uses."""
    mounts = [{"name": "data", "mountPath": "/data"}]
    its = shop(kube, replicas, securityContext=RIGHTS, volumeMounts=mounts, env=[{"name": "A", "value": "1"}])
    pod = its["spec"]["template"]["spec"]
    setup = {**pod["containers"][0], "name": "setup", "command": ["true"]}
    pod |= {"volumes": [{"name": "data", "emptyDir": {}}], "initContainers": [setup]}
    return its


def agent_profile(kube: Kube, **agent: object) -> Object:
    return profile(kube, exporter=EXPORTER, agent={"enabled": True, **agent})


def test_agent_in_a_restricted_namespace(kube: Kube, operating: Operating) -> None:
    """The process starts with the agent; what is left after the label is byte for byte what was there before."""
    load_images()
    kube("label", "namespace", kube.namespace, *RESTRICTED)
    kube.apply(restricted_shop(kube), agent_profile(kube))
    before = visible_fields(kube)
    with operating(AGENT_IMAGE=IMAGE):
        label(kube)
        wait_for_state(kube, "Injected")
        kube("rollout", "status", "deployment/shop", "--timeout=120s")
        assert {"image": IMAGE, "delivery": "initContainer", "containers": ["app"]} == injection(kube)["agent"]
        assert "Boot" == kube("exec", "deployment/shop", "--", "python3", "-c", FINDER).strip()
        kube.apply(restricted_shop(kube))  # the user's next deploy
        assert "/spanloom-agent/agent" == env(kube)["PYTHONPATH"]
        unlabel(kube)
        wait_for_state(kube, None)
    assert before == visible_fields(kube)


def test_image_that_is_absent_is_rolled_back(kube: Kube, operating: Operating) -> None:
    """An agent that cannot be pulled stops no application: the rollout is rolled back, and the reason has the image."""
    kube.apply(restricted_shop(kube), agent_profile(kube))
    kube("rollout", "status", "deployment/shop", "--timeout=120s")
    before = visible_fields(kube)["spec"]
    with operating(AGENT_IMAGE=ABSENT_AGENT, GRACE="5"):
        label(kube)
        wait_for_state(kube, "RolledBack")
        assert f"can the nodes pull {ABSENT_AGENT}?" in injection(kube)["reason"]
    assert before == visible_fields(kube)["spec"]
    assert 1 == kube.get("deployment/shop")["status"]["availableReplicas"]
