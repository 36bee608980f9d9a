"""Deployments and profiles of the operator's fault tests, and random changes of them."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

from support.cluster.write_history import PROFILE_VERSION

if TYPE_CHECKING:
    from support.cluster.kube import Kube, Object

LABEL = "spanloom.dev/inject"
OFF = ""


def shop(name: str, label: str = OFF) -> Object:
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "none:0"}]}}
    history = {"revisionHistoryLimit": 1000, "progressDeadlineSeconds": 600}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": {LABEL: label} if label else {}},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod, **history},
    }


def profile(name: str, value: int) -> Object:
    env = [{"name": PROFILE_VERSION, "value": str(value)}]
    kind = {"apiVersion": "spanloom.dev/v1alpha1", "kind": "OtelProfile"}
    return {**kind, "metadata": {"name": name}, "spec": {"env": env}}


def create(kube: Kube, *things: Object) -> None:
    kube(
        "create", "--validate=false", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": things})
    )


def change_profile(kube: Kube, name: str, value: int) -> None:
    patch = json.dumps({"spec": profile(name, value)["spec"]})
    kube("patch", "otelprofile", name, "--type=merge", f"--patch={patch}")


def set_label(kube: Kube, label: str, *names: str) -> None:
    kube("label", "--overwrite", "deployment", *names, f"{LABEL}={label}" if label else f"{LABEL}-")


def generations(kube: Kube) -> dict[str, int]:
    return {item["metadata"]["name"]: int(item["metadata"]["generation"]) for item in kube.get("deployments")["items"]}


class Changes:
    """Random changes by users, and the sequence of pod templates that each Deployment needs for them."""

    def __init__(self, kube: Kube, deployments: int, profiles: int, seed: int) -> None:
        self._kube, self._random = kube, random.Random(seed)
        self._profiles = {f"profile-{number}": 1000 + number for number in range(profiles)}
        self._labels = {f"shop-{number}": OFF for number in range(deployments)}
        self.needed: dict[str, list[int | None]] = {name: [None] for name in self._labels}
        self.made = 0
        create(kube, *(profile(*each) for each in self._profiles.items()), *map(shop, self._labels))

    def expected(self) -> dict[str, int | None]:
        return {name: self._profiles.get(label) for name, label in self._labels.items()}

    def relabel(self, number: int) -> None:
        """Select another profile, or none, in this many Deployments."""
        chosen = self._random.sample(sorted(self._labels), number)
        new = {name: self._random.choice(sorted({OFF, *self._profiles} - {self._labels[name]})) for name in chosen}
        for label in sorted(set(new.values())):
            set_label(self._kube, label, *(name for name in chosen if new[name] == label))
        self._labels |= new
        self._record(number)

    def change_profiles(self) -> None:
        """Change every profile."""
        for name in self._profiles:
            self._profiles[name] += 10
            change_profile(self._kube, name, self._profiles[name])
        self._record(len(self._profiles))

    def _record(self, changes: int) -> None:
        self.made += changes
        for name, value in self.expected().items():
            if value != self.needed[name][-1]:
                self.needed[name].append(value)
