"""Profiles, and strategies for random pod templates."""

from __future__ import annotations

from hypothesis import strategies as st
from support.builders.deployments import AGENT_IMAGE, EXPORTER, Object, container, deployment

from spanloom_operator.injection.agent import IMAGE_VOLUME, INIT_CONTAINER
from spanloom_operator.names import RESOURCE_ATTRIBUTES
from spanloom_operator.profiles.reader import Layer, read
from spanloom_operator.profiles.rules import Rules
from spanloom_operator.references import DOWNWARD

RULES = Rules(endpoints=("*",), agent_image=AGENT_IMAGE)
SECRET = {"secretKeyRef": {"name": "otlp", "key": "headers"}}


def layer(source: str = "demo/default", **spec: object) -> Layer:
    """Return a valid profile of the namespace demo."""
    return Layer(source, read(spec, RULES))


PLATFORM = layer(
    "home/default",
    exporter={**EXPORTER, "timeout": 10, "headers": SECRET},
    propagators=["tracecontext"],
    sampler={"type": "parentbased_traceidratio", "argument": "0.1"},
    resource={"resourceAttributes": {"team": "platform", "k8s.pod.name": "no", "service.version": "0"}},
    env=[{"name": "OTEL_BSP_SCHEDULE_DELAY", "value": "500"}],
)


OWN_NAMES = (
    "A",
    "PYTHONPATH",
    "OTEL_SERVICE_NAME",
    "OTEL_PROPAGATORS",
    RESOURCE_ATTRIBUTES,
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_A",
    "OTEL_B",
)
NAMES = st.sampled_from((*OWN_NAMES, *DOWNWARD))
LITERALS = st.sampled_from(["", "x", "$(A)", "service.name=y"])
LITERAL = st.builds(lambda name, value: {"name": name, "value": value}, NAMES, LITERALS)
REFERENCE = st.builds(lambda name: {"name": name, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}, NAMES)
ENTRIES = st.lists(st.one_of(LITERAL, REFERENCE), max_size=5, unique_by=lambda entry: entry["name"])
CONTAINER_NAMES = st.sampled_from(["app", "sidecar", "proxy"])
CONTAINERS = st.lists(
    st.builds(lambda name, entries: container(name, env=entries), CONTAINER_NAMES, ENTRIES),
    min_size=1,
    max_size=3,
    unique_by=lambda each: each["name"],
)
VALUES = st.sampled_from(["1", "$(OTEL_B)", "$(OTEL_RESOURCE_ATTRIBUTES_POD_NAME)", "$$(A)"])
CHOICES = st.sampled_from([[], ["*"], ["sidecar"], ["*", "setup", "spanloom-agent"]])
AGENT = {"agent": {"enabled": True}}
LAYERS = st.builds(
    lambda a, chosen, agent: [
        layer(env=[{"name": "OTEL_A", "value": a}, {"name": "OTEL_B", "value": "2"}], containers=chosen, **agent),
        PLATFORM,
    ],
    VALUES,
    CHOICES,
    st.sampled_from([{}, AGENT]),
)
DELIVERIES = st.sampled_from([INIT_CONTAINER, IMAGE_VOLUME])
OWN_VOLUMES = st.sampled_from([[], ["data"], ["spanloom-agent"], ["data", "spanloom-agent"]])
OWN_MOUNTS = st.lists(st.sampled_from(["/data", "/spanloom-agent", "/spanloom-agent/x"]), unique=True, max_size=2)


def template(containers: list[Object], volumes: list[str], paths: list[str], setup: list[str]) -> Object:
    """Return a Deployment with these volumes, mounts of the first one in every container, and init containers."""
    lists = {
        "volumes": [{"name": name, "emptyDir": {}} for name in volumes],
        "initContainers": [container(name, **_mounts(volumes, paths)) for name in setup],
    }
    its = [{**each, **_mounts(volumes, paths)} for each in containers]
    return deployment(*its, pod={key: items for key, items in lists.items() if items})


def _mounts(volumes: list[str], paths: list[str]) -> Object:
    mounts = [{"name": name, "mountPath": path} for name in volumes[:1] for path in paths]
    return {"volumeMounts": mounts} if mounts else {}


TEMPLATES = st.builds(
    template,
    CONTAINERS,
    OWN_VOLUMES,
    OWN_MOUNTS,
    st.sampled_from([[], ["setup"], ["setup", "spanloom-agent"]]),
)
"""Deployments with and without lists of the user's own, the agent's names among them."""
