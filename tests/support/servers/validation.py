"""What an API server refuses of a pod template, and what it drops, as far as the operator's changes are concerned."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from support.servers.pod_templates import as_deployment

from spanloom_operator.kube.api import ApiError

if TYPE_CHECKING:
    from support.builders.deployments import Object


def without_image_volumes(body: Object) -> Object:
    """Return what is left of a body where image volumes are off: the volume and its mounts are dropped in silence."""
    body = deepcopy(body)
    pod = as_deployment(body)["spec"]["template"].get("spec", {})
    dropped = {volume["name"] for volume in pod.get("volumes", ()) if "image" in volume}
    pod |= {"volumes": [each for each in pod["volumes"] if each["name"] not in dropped]} if dropped else {}
    for each in pod.get("containers", ()) if dropped else ():
        each["volumeMounts"] = [mount for mount in each.get("volumeMounts", ()) if mount["name"] not in dropped]
    return body


def refusals(thing: Object) -> list[str]:
    """Return why the API server refuses an object: a volume that is mounted is not there, or a name is not unique."""
    pod = thing.get("spec", {}).get("template", {}).get("spec", {})
    containers = [*pod.get("containers", ()), *pod.get("initContainers", ())]
    names = [each["name"] for each in containers]
    mounted = {mount["name"] for each in containers for mount in each.get("volumeMounts", ())}
    missing = mounted - {volume["name"] for volume in pod.get("volumes", ())}
    repeated = {name for name in names if names.count(name) > 1}
    return [f"volume {name} is missing" for name in missing] + [f"two containers {name}" for name in repeated]


def check_pod(thing: Object) -> None:
    """ApiError for an object that the API server refuses."""
    if found := refusals(thing):
        raise ApiError(422, "; ".join(found))
