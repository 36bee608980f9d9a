"""The agent in a workload: which containers get it, and the pieces that bring it there.

Its image is mounted as a volume, or an init container copies it into one. Both ways the containers have the same mount
and the same PYTHONPATH.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spanloom_operator.injection.pieces import AGENT_INIT_CONTAINER, AGENT_VOLUME, MOUNTS, Body, Piece
from spanloom_operator.names import AGENT, AGENT_MOUNT, AGENT_PATH, OS_LABEL, PYTHONPATH, PYTHONPATH_ANNOTATION
from spanloom_operator.profiles.reader import section

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from spanloom_operator.injection.user_env import UserEnv
    from spanloom_operator.injection.workload import Container, Workload
    from spanloom_operator.profiles.reader import Layer

INIT_CONTAINER, IMAGE_VOLUME = "initContainer", "imageVolume"
"""Deliveries of the agent."""
SIZE_LIMIT = "16Mi"
"""Of the volume that the init container fills."""
COMMAND = ["/copy", "/agent", AGENT_PATH]
SECURITY_CONTEXT: Body = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""What Pod Security `restricted` requires, and a read-only root file system."""
PROTOCOLS = ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")


@dataclass(frozen=True)
class PlacedAgent:
    """The agent's image, how it is delivered, and the containers that it is mounted in."""

    image: str
    delivery: str
    containers: tuple[str, ...]

    @property
    def text(self) -> str:
        """One line for Events."""
        return f"agent: {self.image} by {self.delivery} at {AGENT_MOUNT} in {', '.join(self.containers)}"


@dataclass(frozen=True)
class AgentInjection:
    """The agent in one workload, from the profile `source`; `resources` are those of the init container."""

    placed: PlacedAgent
    source: str
    resources: Mapping[str, Any]

    @property
    def pieces(self) -> dict[Piece, Body]:
        """The pieces to own."""
        found = {AGENT_VOLUME: {"name": AGENT, **self._volume_source()}}
        if self.placed.delivery == INIT_CONTAINER:
            found[AGENT_INIT_CONTAINER] = self._init_container()
        mount = {"name": AGENT, "mountPath": AGENT_MOUNT, "readOnly": True}
        return found | {Piece(MOUNTS, name, AGENT_MOUNT): mount for name in self.placed.containers}

    def _volume_source(self) -> Body:
        if self.placed.delivery == IMAGE_VOLUME:
            return {"image": {"reference": self.placed.image, "pullPolicy": "IfNotPresent"}}
        return {"emptyDir": {"sizeLimit": SIZE_LIMIT}}

    def _init_container(self) -> Body:
        return {
            "name": AGENT,
            "image": self.placed.image,
            "command": COMMAND,
            "resources": dict(self.resources),
            "securityContext": SECURITY_CONTEXT,
            "volumeMounts": [{"name": AGENT, "mountPath": AGENT_MOUNT}],
        }


def place_agent(
    workload: Workload, layers: Sequence[Layer], containers: Iterable[tuple[Container, UserEnv]], delivery: str
) -> tuple[AgentInjection | None, dict[str, str]]:
    """Return the agent in those containers that can have it, and the reason for each that cannot."""
    agent, source = section(layers, "agent")
    if not agent or not agent.enabled:
        return None, {}
    reasons = {each.name: _pod_refusal(workload) or _container_refusal(each, user) for each, user in containers}
    placed = PlacedAgent(agent.image, delivery, tuple(name for name, reason in reasons.items() if reason is None))
    refused = {name: reason for name, reason in reasons.items() if reason is not None}
    injection = AgentInjection(placed, source, agent.resources.model_dump(exclude_defaults=True))
    return injection if placed.containers else None, refused


def current_delivery(workload: Workload) -> str | None:
    """Return how the agent is delivered now; None when it is not there."""
    if AGENT_VOLUME not in workload.handover.owned:
        return None
    return IMAGE_VOLUME if "image" in workload.live[AGENT_VOLUME] else INIT_CONTAINER


def agent_cause(workload: Workload, layers: Sequence[Layer]) -> tuple[Any, ...]:
    """Return what decides about the agent: when it changes, an injection that was rolled back is tried again."""
    agent, _ = section(layers, "agent")
    if not agent or not agent.enabled:
        return ()
    return (agent.model_dump(mode="json"), python_path(workload))


def rollback_advice(placed: PlacedAgent) -> str:
    """Return where to look when a rollout with the agent has failed."""
    return (
        f"; with the agent: can the nodes pull {placed.image}? "
        f"If the image of the application sets {PYTHONPATH}, put its value into the annotation {PYTHONPATH_ANNOTATION}"
    )


def python_path(workload: Workload) -> str:
    """Return PYTHONPATH with the agent first, and then what the image has by the workload's annotation."""
    return ":".join(filter(None, (AGENT_PATH, workload.annotations.get(PYTHONPATH_ANNOTATION))))


def _pod_refusal(workload: Workload) -> str | None:
    """Return why no container of a pod can have the agent, or None."""
    if _is_for_windows(workload.template["spec"]):
        return "the agent's image is for Linux, the pod for Windows"
    if AGENT_VOLUME in workload.live.keys() - workload.handover.owned:
        return f"the pod has a volume {AGENT} that is not the operator's"
    if any(each.name == AGENT for each in workload.all_containers):
        return f"the pod has a container {AGENT} that is not the operator's"
    if not python_path(workload).isprintable() or "$" in python_path(workload):
        return f"annotation {PYTHONPATH_ANNOTATION}: expected directories with ':' between them and without '$'"
    return None


def _is_for_windows(pod: Mapping[str, Any]) -> bool:
    systems = (pod.get("os") or {}).get("name"), (pod.get("nodeSelector") or {}).get(OS_LABEL)
    return "windows" in systems


def _container_refusal(container: Container, user: UserEnv) -> str | None:
    """Return why one container cannot have the agent, or None."""
    if container.is_init:
        return "an init container starts before the agent is there"
    for mount in container.user_mounts:
        if f"{mount['mountPath'].rstrip('/')}/".startswith(f"{AGENT_MOUNT}/"):
            return f"a volume of yours is mounted at {mount['mountPath']}"
    for name in PROTOCOLS:
        if user.values.get(name) == "grpc":
            return f"{user.places[name]} has {name}=grpc, and the agent speaks http/protobuf only"
    return _pythonpath_refusal(user)


def _pythonpath_refusal(user: UserEnv) -> str | None:
    if PYTHONPATH not in user.places:
        return None
    value = user.values[PYTHONPATH]
    if value is not None and AGENT_PATH in value.split(":"):
        return None
    advice = ":".join(filter(None, (AGENT_PATH, "VALUE" if value is None else value)))
    return f"{user.places[PYTHONPATH]} has {PYTHONPATH}; set there {PYTHONPATH}={advice}"
