"""Patches of a workload `shop` by the operator's account, which the admission policy allows or refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from spanloom_operator.kinds import KINDS, Kind

if TYPE_CHECKING:
    from support.cluster.kube import Kube, Object

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
    """Return a patch of the container app."""
    return {"spec": {"template": {"spec": {"containers": [{"name": "app", **fields}]}}}}


def init_container(**fields: object) -> Object:
    """Return a patch of the init container setup."""
    return {"spec": {"template": {"spec": {"initContainers": [{"name": "setup", **fields}]}}}}


EVERY_KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def patch(operator: Kube, kind: Kind, body: Object, *, succeeds: bool) -> str:
    """Run `kubectl patch` with the operator's account, and return its output."""
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
