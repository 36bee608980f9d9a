"""The agent: what a workload gets, which containers do not get it, and why."""

from __future__ import annotations

import pytest
from support.builders.deployments import AGENT_IMAGE, EXPORTER, Object, container, deployment, env, workload_of
from support.builders.strategies import AGENT, PLATFORM, layer

from spanloom_operator.injection.agent import IMAGE_VOLUME, INIT_CONTAINER
from spanloom_operator.injection.apply import body
from spanloom_operator.injection.environment import NOTHING, Injection, inject
from spanloom_operator.names import MARKER, PYTHONPATH_ANNOTATION

LAYERS = [layer(**AGENT), PLATFORM]
MOUNT = {"name": "spanloom-agent", "mountPath": "/spanloom-agent", "readOnly": True}
ELSEWHERE = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}


def injected(its: Object, delivery: str = INIT_CONTAINER, maps: dict[str, dict[str, str]] | None = None) -> Injection:
    return inject(workload_of(its), LAYERS, maps, delivery=delivery)


def pod_of(its: Object, delivery: str = INIT_CONTAINER) -> Object:
    """Return the spec of the pods in the operator's apply."""
    workload = workload_of(its)
    pod: Object = body(workload, injected(its, delivery))["spec"]["template"]["spec"]
    return pod


def reason(injection: Injection, name: str = "app") -> str | None:
    found = [each.reason for each in injection.skipped if (each.container, each.name) == (name, "spanloom-agent")]
    return found[0] if found else None


def test_init_container_copies_the_agent() -> None:
    """A restricted init container fills a bounded volume, which the application mounts read-only."""
    pod = pod_of(deployment())

    [init] = pod["initContainers"]
    assert [{"name": "spanloom-agent", "emptyDir": {"sizeLimit": "16Mi"}}] == pod["volumes"]
    assert [{**MOUNT, "readOnly": False}] == [{**each, "readOnly": False} for each in init["volumeMounts"]]
    assert "readOnly" not in init["volumeMounts"][0]
    assert (AGENT_IMAGE, ["/copy", "/agent", "/spanloom-agent/agent"]) == (init["image"], init["command"])
    assert {"requests": {"cpu": "5m", "memory": "8Mi"}, "limits": {"memory": "32Mi"}} == init["resources"]
    assert {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    } == init["securityContext"]


def test_image_is_mounted_as_a_volume() -> None:
    """An image volume needs no init container; the application has the same mount and the same PYTHONPATH."""
    pod, other = pod_of(deployment(), IMAGE_VOLUME), pod_of(deployment())

    image = {"reference": AGENT_IMAGE, "pullPolicy": "IfNotPresent"}
    assert [{"name": "spanloom-agent", "image": image}] == pod["volumes"]
    assert "initContainers" not in pod
    assert [without_marker(each) for each in other["containers"]] == [
        without_marker(each) for each in pod["containers"]
    ]


def without_marker(each: Object) -> Object:
    return {**each, "env": [entry for entry in each["env"] if entry["name"] != MARKER]}


@pytest.mark.parametrize("spec", [{}, {"agent": {"enabled": False}}, {"agent": {"image": AGENT_IMAGE}}], ids=str)
def test_without_the_agent_nothing_changes(spec: Object) -> None:
    """An agent that is not enabled adds nothing: no piece, and no word in the digests."""
    workload = workload_of(deployment())
    assert inject(workload, [PLATFORM]) == inject(workload, [layer(**spec), PLATFORM])


def test_namespace_switches_the_agent_off() -> None:
    """A namespace's own profile decides, whatever the operator's default profile has."""
    default = layer("home/default", exporter=EXPORTER, **AGENT)
    found = inject(workload_of(deployment()), [layer(agent={"enabled": False}), default])
    assert found.agent is None


PYTHONPATHS = {
    "none": ({}, "/spanloom-agent/agent"),
    "annotated": ({PYTHONPATH_ANNOTATION: "/app:/lib"}, "/spanloom-agent/agent:/app:/lib"),
    "annotated with nothing": ({PYTHONPATH_ANNOTATION: ""}, "/spanloom-agent/agent"),
}


@pytest.mark.parametrize(("annotations", "expected"), PYTHONPATHS.values(), ids=PYTHONPATHS)
def test_the_agent_comes_first(annotations: dict[str, str], expected: str) -> None:
    """PYTHONPATH has the agent, and then what the image sets for itself according to the annotation."""
    entries = injected(deployment(annotations=annotations)).env("app")
    assert [expected] == [entry["value"] for entry in entries if entry["name"] == "PYTHONPATH"]


SECRET = {"name": "PYTHONPATH", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
MINE = {"configMapRef": {"name": "mine"}}
GRPC = env(OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
NOT_OURS = "that is not the operator's"
REFUSED: dict[str, tuple[Object, str]] = {
    "PYTHONPATH of the container": (
        deployment(container(env=env(PYTHONPATH="/app"))),
        "container env has PYTHONPATH; set there PYTHONPATH=/spanloom-agent/agent:/app",
    ),
    "empty PYTHONPATH": (
        deployment(container(env=env(PYTHONPATH=""))),
        "container env has PYTHONPATH; set there PYTHONPATH=/spanloom-agent/agent",
    ),
    "PYTHONPATH that cannot be read": (
        deployment(container(env=[SECRET])),
        "container env has PYTHONPATH; set there PYTHONPATH=/spanloom-agent/agent:VALUE",
    ),
    "PYTHONPATH of envFrom": (
        deployment(container(envFrom=[MINE])),
        "envFrom ConfigMap mine has PYTHONPATH; set there PYTHONPATH=/spanloom-agent/agent:/mine",
    ),
    "annotation with a reference": (
        deployment(annotations={PYTHONPATH_ANNOTATION: "$(HOME)"}),
        "annotation spanloom.dev/pythonpath: expected directories with ':' between them and without '$'",
    ),
    "volume of that name": (
        deployment(pod={"volumes": [{"name": "spanloom-agent", "hostPath": {"path": "/"}}]}),
        f"the pod has a volume spanloom-agent {NOT_OURS}",
    ),
    "init container of that name": (
        deployment(pod={"initContainers": [container("spanloom-agent")]}),
        f"the pod has a container spanloom-agent {NOT_OURS}",
    ),
    "container of that name": (
        deployment(container(), container("spanloom-agent")),
        f"the pod has a container spanloom-agent {NOT_OURS}",
    ),
    "mount at that path": (
        deployment(container(volumeMounts=[{"name": "data", "mountPath": "/spanloom-agent/"}])),
        "a volume of yours is mounted at /spanloom-agent/",
    ),
    "mount below that path": (
        deployment(container(volumeMounts=[{"name": "data", "mountPath": "/spanloom-agent/x"}])),
        "a volume of yours is mounted at /spanloom-agent/x",
    ),
    "gRPC of the user's": (
        deployment(container(env=GRPC)),
        "container env has OTEL_EXPORTER_OTLP_PROTOCOL=grpc, and the agent speaks http/protobuf only",
    ),
    "nodes with Windows": (
        deployment(pod={"nodeSelector": {"kubernetes.io/os": "windows"}}),
        "the agent's image is for Linux, the pod for Windows",
    ),
    "pods for Windows": (
        deployment(pod={"os": {"name": "windows"}}),
        "the agent's image is for Linux, the pod for Windows",
    ),
}


@pytest.mark.parametrize(("its", "expected"), REFUSED.values(), ids=REFUSED)
def test_the_users_own_is_left_alone(its: Object, expected: str) -> None:
    """Nothing of the agent goes where it would meet something of the user's; the reason says what to do."""
    found = injected(its, maps={"mine": {"PYTHONPATH": "/mine"}})
    assert expected == reason(found)
    assert found.agent is None
    assert "PYTHONPATH" not in [entry["name"] for entry in found.env("app")]
    assert "OTEL_SERVICE_NAME" in [entry["name"] for entry in found.env("app")]


ACCEPTED = {
    "PYTHONPATH with the agent": container(env=env(PYTHONPATH="/app:/spanloom-agent/agent")),
    "a mount elsewhere": container(**ELSEWHERE),
    "a mount with a similar path": container(volumeMounts=[{"name": "data", "mountPath": "/spanloom-agents"}]),
}


@pytest.mark.parametrize("its", ACCEPTED.values(), ids=ACCEPTED)
def test_what_is_no_obstacle(its: Object) -> None:
    """The line that the reason advises, and mounts that have nothing to do with the agent's, are no obstacle."""
    found = injected(deployment(its))
    assert found.agent is not None
    assert reason(found) is None


def test_only_containers_that_can_have_it_get_it() -> None:
    """One container with an obstacle does not keep the agent from others; an init container starts too early."""
    setup, blocked = container("setup"), container("web", env=env(PYTHONPATH="/app"))
    its = deployment(container(), blocked, pod={"initContainers": [setup]})
    layers = [layer(containers=["*", "setup"], **AGENT), PLATFORM]
    found = inject(workload_of(its), layers)

    assert found.agent is not None
    assert ("app",) == found.agent.placed.containers
    assert "an init container starts before the agent is there" == reason(found, "setup")
    assert "PYTHONPATH=/spanloom-agent/agent:/app" in (reason(found, "web") or "")


def test_resources_are_the_profiles() -> None:
    """A quota or limit range that refuses the default is met by a profile's own requests and limits."""
    own = {"requests": {"cpu": "10m"}, "limits": {"cpu": "1", "memory": "64Mi"}}
    layers = [layer(agent={"enabled": True, "resources": own}), PLATFORM]
    workload = workload_of(deployment())
    [init] = body(workload, inject(workload, layers))["spec"]["template"]["spec"]["initContainers"]
    assert {"requests": {"cpu": "10m"}, "limits": {"cpu": "1", "memory": "64Mi"}} == init["resources"]


def test_nothing_is_left_to_apply() -> None:
    """The body that removes an injection has no pod."""
    assert "spec" not in body(workload_of(deployment()), NOTHING)
