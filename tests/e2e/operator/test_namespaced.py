"""Namespaced mode: Roles in a few namespaces, no ClusterRole, and nothing seen of the others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml
from support.cluster.kube import Kube, state, wait_for_state
from support.cluster.operator_process import rendered_chart
from support.polling import poll_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

LABEL = "spanloom.dev/inject"
NAME = "few-operator"
VALUES = ["policy.enabled=false", "cleanup.enabled=false"]


def shop(namespace: str) -> dict[str, object]:
    labels = {"app": "shop"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "none:0"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop", "namespace": namespace, "labels": {LABEL: "true"}},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod},
    }


def test_roles_are_enough(
    kube: Kube,
    home: Kube,
    operating: Callable[..., AbstractContextManager[Path]],
    config_of: Callable[[Kube, str], Path],
) -> None:
    """With Roles alone the operator injects where it may, by a namespace's label too, and leaves the rest alone."""
    other = Kube(home.namespace)
    things = rendered_chart(kube, "few", "--set", ",".join([*VALUES, f"namespaces={{{kube.namespace}}}"]))
    assert not [thing["kind"] for thing in things if thing["kind"].startswith("Cluster")]
    kube("apply", "-f", "-", stdin=yaml.safe_dump_all(things))
    kube.apply(shop(kube.namespace))
    other.apply(shop(other.namespace))
    profile = next(thing for thing in things if thing["kind"] == "OtelProfile")
    endpoint = profile["spec"]["exporter"]["endpoint"]
    settings = {"NAMESPACE": kube.namespace, "NAMESPACES": kube.namespace, "ENDPOINTS": endpoint, "RESYNC": "1"}
    with operating(account=config_of(kube, NAME), **settings):
        wait_for_state(kube, "Injected")
        kube("label", "deployment/shop", f"{LABEL}-")
        wait_for_state(kube, None)
        kube("label", "namespace", kube.namespace, f"{LABEL}=true")
        wait_for_state(kube, "Injected")
        kube.apply({**profile, "spec": {**profile["spec"], "sampler": {"type": "always_off"}}})
        poll_until(lambda: "OTEL_TRACES_SAMPLER" in json.dumps(kube.get("deployment/shop")), "its profiles are watched")
    assert state(other) is None
    other("delete", "deployment", "shop")
