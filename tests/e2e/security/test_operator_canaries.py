"""Secrets of a Deployment are in nothing that the operator and `spanloom explain` write."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from support.builders.deployments import EXPORTER
from support.cluster.kube import state
from support.cluster.namespaces import new_namespace
from support.cluster.operator_process import operator_process, scope_settings
from support.polling import poll_until

from e2e.security.tenants import LABEL, profile, shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.cluster.kube import Kube, Object

CANARIES = {
    place: f"canary{uuid4().hex}" for place in ("env", "headers", "attributes", "secret", "config", "annotation")
}
STATES = {"injected": "true", "dry": "true", "invalid": "invalid", "missing": "missing", "kept": "secretive"}


def secretive(name: str) -> Object:
    """Return a Deployment that has a canary wherever it may have a secret."""
    own = {
        "DATABASE_PASSWORD": CANARIES["env"],
        "OTEL_EXPORTER_OTLP_HEADERS": f"api-key={CANARIES['headers']}",
        "OTEL_RESOURCE_ATTRIBUTES": f"token={CANARIES['attributes']}",
    }
    entries = [{"name": key, "value": value} for key, value in own.items() if name != "kept" or "OTEL" not in key]
    sources = [{"secretRef": {"name": "secret"}}, {"configMapRef": {"name": "config"}}]
    its = shop(name, {"name": "app", "image": "none:0", "env": entries, "envFrom": sources})
    its["metadata"]["annotations"]["example.org/token"] = CANARIES["annotation"]
    its["metadata"]["annotations"] |= {"spanloom.dev/mode": "dry-run"} if name == "dry" else {}
    its["metadata"]["labels"] = {LABEL: STATES[name]}
    return its


@pytest.fixture(scope="module")
def channels(home: Kube, account: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Run the operator and `spanloom explain` on Deployments full of secrets; return their texts by channel."""
    log = tmp_path_factory.mktemp("operator") / "log"
    with new_namespace("op-security", restricted=False) as kube:
        _create_canaries(kube)
        with operator_process(account, log, **scope_settings(home, kube)):
            poll_until(lambda: events_of(kube) >= STATES.keys(), "every Deployment has an Event")
            poll_until(lambda: reported(kube), "every profile has a status")
            poll_until(lambda: all(state(kube, name) for name in STATES), "every Deployment has an OtelInjection")
        yield _channels(kube, home, log.read_text())


def _create_canaries(kube: Kube) -> None:
    kube("create", "secret", "generic", "secret", f"--from-literal=PASSWORD={CANARIES['secret']}")
    kube("create", "configmap", "config", f"--from-literal=PASSWORD={CANARIES['config']}")
    kube.apply(profile("invalid", {"propagators": ["b4"]}))
    headers = {"secretKeyRef": {"name": "secret", "key": "PASSWORD"}}
    kube.apply(profile("secretive", {"exporter": {**EXPORTER, "headers": headers}}))
    kube.apply(*map(secretive, STATES))


def _channels(kube: Kube, home: Kube, log: str) -> dict[str, str]:
    """Return what each channel shows of the Deployments."""
    explain = ["explain", "-n", kube.namespace, "--home", home.namespace]
    return {
        "Events": kube("get", "events", "-o", "json"),
        "status of profiles": json.dumps([item.get("status") for item in kube.get("otelprofiles")["items"]]),
        "OtelInjections": kube("get", "otelinjections", "-o", "json"),
        "log": log,
        "explain": "\n".join(kube.cli(*explain, f"deployment/{name}") for name in STATES),
        "explain, JSON": "\n".join(kube.cli(*explain, f"deployment/{name}", "-o", "json") for name in STATES),
    }


def events_of(kube: Kube) -> set[str]:
    return {item["involvedObject"]["name"] for item in kube.get("events")["items"]}


def reported(kube: Kube) -> bool:
    return all("valid" in item.get("status", {}) for item in kube.get("otelprofiles")["items"])


@pytest.mark.parametrize("place", CANARIES)
def test_no_channel_contains_a_canary(channels: dict[str, str], place: str) -> None:
    """A value in a Deployment's env, Secrets, ConfigMaps or annotations is in nothing that the operator writes."""
    assert [] == [channel for channel, text in channels.items() if CANARIES[place] in text]


def test_every_channel_is_searched(channels: dict[str, str]) -> None:
    """The search would find a canary: each channel contains the name of a variable, the status that of a field."""
    found = [channel for channel, text in channels.items() if "OTEL_RESOURCE_ATTRIBUTES" in text]
    assert ["Events", "OtelInjections", "log", "explain", "explain, JSON"] == found
    assert "propagators" in channels["status of profiles"]
    assert "<secret secret/PASSWORD>" in channels["explain"]
