"""A tenant who may label Deployments and write OtelProfiles gets telemetry configured, and nothing else done for them.

The tenant is an impersonated user, limited to that by a role and by an admission policy.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, NamedTuple

import pytest
from support.builders.deployments import EXPORTER
from support.cluster.operator_process import operator_process, scope_settings
from support.polling import poll_until

from e2e.security.attempts import ATTEMPTS, Attempt
from e2e.security.tenants import LABEL, SECRETS, STATUS, TENANT, profile, shop

if TYPE_CHECKING:
    from pathlib import Path

    from support.cluster.kube import Kube, Object


class Tried(NamedTuple):
    """What came of an attempt: the Deployment before and after, and whether the API server refused the profile."""

    before: Object
    after: Object
    refused: str


@pytest.fixture(scope="module")
def tried(
    home: Kube, account: Path, tenant_namespace: Kube, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Tried]:
    """Let the tenant try everything, each with a Deployment of its own, and the operator answer."""
    names = {attempt: f"shop-{number}" for number, attempt in enumerate(ATTEMPTS)}
    tenant_namespace.apply(*(shop(name, SECRETS, {"name": "sidecar", "image": "none:0"}) for name in names.values()))
    before = deployments(tenant_namespace)
    refused = {names[attempt]: attempts(tenant_namespace, names[attempt], trial) for attempt, trial in ATTEMPTS.items()}
    log = tmp_path_factory.mktemp("operator") / "log"
    with operator_process(account, log, **scope_settings(home, tenant_namespace)):
        poll_until(
            lambda: all(map(has_answer, deployments(tenant_namespace).values())), "every Deployment has its answer"
        )
    after = deployments(tenant_namespace)
    return {attempt: Tried(before[name], after[name], refused[name]) for attempt, name in names.items()}


def deployments(kube: Kube) -> dict[str, Object]:
    return {item["metadata"]["name"]: item for item in kube.get("deployments")["items"]}


def has_answer(deployment: Object) -> bool:
    return STATUS in deployment["metadata"]["annotations"]


def attempts(tenant_namespace: Kube, name: str, attempt: Attempt) -> str:
    """Write the profile, or else an empty one, and choose it with a label; return why the API server refused it."""
    wanted = json.dumps(profile(name, {**attempt.spec, "containers": ["*"]}))
    refused = ""
    try:
        tenant_namespace("create", TENANT, "-f", "-", stdin=wanted)
    except AssertionError as error:
        refused = str(error)
        tenant_namespace("create", TENANT, "-f", "-", stdin=json.dumps(profile(name, {"containers": ["*"]})))
    for key, value in attempt.annotations.items():
        tenant_namespace("annotate", TENANT, "deployment", name, f"{key}={value}")
    tenant_namespace("label", TENANT, "deployment", name, f"{LABEL}={name}")
    return refused


def env(deployment: Object) -> dict[str, str]:
    """Return all variables of all containers that have a value."""
    containers = deployment["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry["value"] for each in containers for entry in each.get("env", ()) if "value" in entry}


def without_ours(deployment: Object) -> Object:
    """Return a Deployment without what the operator is for, nor the tenant's label and bookkeeping."""
    its = deepcopy(deployment)
    for container in its["spec"]["template"]["spec"]["containers"]:
        container["env"] = [entry for entry in container.get("env", ()) if not entry["name"].startswith("OTEL_")]
    annotations = {key: value for key, value in its["metadata"]["annotations"].items() if key == "example.org/kept"}
    return {"spec": its["spec"], "annotations": annotations, "owners": its["metadata"].get("ownerReferences")}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_telemetry_cannot_be_redirected(tried: dict[str, Tried], attempt: str) -> None:
    """Where telemetry goes is as the operator's owner says, or there is none; and no secret goes with it."""
    found = env(tried[attempt].after)
    exporting = {name: value for name, value in found.items() if name.startswith("OTEL_EXPORTER_")}
    allowed = {"OTEL_EXPORTER_OTLP_ENDPOINT": EXPORTER["endpoint"], "OTEL_EXPORTER_OTLP_PROTOCOL": EXPORTER["protocol"]}
    assert exporting in ({}, allowed)
    values = [value.replace("$$", "") for name, value in found.items() if name.startswith("OTEL_")]
    assert not [value for value in values if "http://evil" in value or "/evil" in value or ",service.name=" in value]
    assert not [value for value in values if "$(DATABASE_PASSWORD)" in value]


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_nothing_but_otel_variables_is_written(tried: dict[str, Tried], attempt: str) -> None:
    """Whatever the profile says: all but OTEL_* entries and the status annotation is as it was."""
    assert without_ours(tried[attempt].before) == without_ours(tried[attempt].after)


def test_attempts_were_made(tried: dict[str, Tried]) -> None:
    """Each was refused by the API server as a profile, or found invalid by the operator, or was harmless."""
    states = {
        attempt: json.loads(found.after["metadata"]["annotations"][STATUS])["state"] for attempt, found in tried.items()
    }
    assert {"Injected", "Invalid"} == set(states.values())
    assert "an annotation that is more" in {attempt for attempt, found in states.items() if found == "Injected"}
    assert all(
        "OtelProfile" in found.refused or "otelprofile" in found.refused for found in tried.values() if found.refused
    )
