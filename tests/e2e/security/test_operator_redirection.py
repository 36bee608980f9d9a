"""A tenant who may label Deployments and write OtelProfiles gets telemetry configured, and no other change.

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
from e2e.security.tenants import LABEL, SECRETS, TENANT, profile, shop

if TYPE_CHECKING:
    from pathlib import Path

    from support.cluster.kube import Kube, Object


class Result(NamedTuple):
    """The Deployment before and after an attempt, the refusal of the profile, the state of the OtelInjection."""

    before: Object
    after: Object
    refused: str
    state: str


@pytest.fixture(scope="module")
def results(
    home: Kube, account: Path, tenant_namespace: Kube, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Result]:
    """Run every attempt, each with a Deployment of its own, and wait for the operator."""
    names = {attempt: f"shop-{number}" for number, attempt in enumerate(ATTEMPTS)}
    tenant_namespace.apply(*(shop(name, SECRETS, {"name": "sidecar", "image": "none:0"}) for name in names.values()))
    before = deployments(tenant_namespace)
    refused = {
        names[attempt]: attempt_profile(tenant_namespace, names[attempt], trial) for attempt, trial in ATTEMPTS.items()
    }
    log = tmp_path_factory.mktemp("operator") / "log"
    with operator_process(account, log, **scope_settings(home, tenant_namespace)):
        poll_until(lambda: states(tenant_namespace).keys() == before.keys(), "every Deployment has an OtelInjection")
    after, found = deployments(tenant_namespace), states(tenant_namespace)
    return {attempt: Result(before[name], after[name], refused[name], found[name]) for attempt, name in names.items()}


def deployments(kube: Kube) -> dict[str, Object]:
    return {item["metadata"]["name"]: item for item in kube.get("deployments")["items"]}


def states(kube: Kube) -> dict[str, str]:
    return {item["metadata"]["name"]: item["status"]["state"] for item in kube.get("otelinjections")["items"]}


def attempt_profile(tenant_namespace: Kube, name: str, attempt: Attempt) -> str:
    """Create the profile, or an empty one if it is refused; select it by a label; return the reason of the refusal."""
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


def without_injection(deployment: Object) -> Object:
    """Return a Deployment without OTEL_* entries, the tenant's label and bookkeeping."""
    its = deepcopy(deployment)
    for container in its["spec"]["template"]["spec"]["containers"]:
        entries = container.get("env", ())
        container["env"] = [each for each in entries if not each["name"].startswith(("OTEL_", "SPANLOOM_INJECTED"))]
    annotations = {key: value for key, value in its["metadata"]["annotations"].items() if key == "example.org/kept"}
    return {"spec": its["spec"], "annotations": annotations, "owners": its["metadata"].get("ownerReferences")}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_telemetry_cannot_be_redirected(results: dict[str, Result], attempt: str) -> None:
    """Telemetry goes to the operator's allowed endpoint or nowhere, and contains no secret."""
    found = env(results[attempt].after)
    exporting = {name: value for name, value in found.items() if name.startswith("OTEL_EXPORTER_")}
    allowed = {"OTEL_EXPORTER_OTLP_ENDPOINT": EXPORTER["endpoint"], "OTEL_EXPORTER_OTLP_PROTOCOL": EXPORTER["protocol"]}
    assert exporting in ({}, allowed)
    values = [value.replace("$$", "") for name, value in found.items() if name.startswith("OTEL_")]
    assert not [value for value in values if "http://evil" in value or "/evil" in value or ",service.name=" in value]
    assert not [value for value in values if "$(DATABASE_PASSWORD)" in value]


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_nothing_but_otel_variables_is_written(results: dict[str, Result], attempt: str) -> None:
    """With any profile, everything except OTEL_* entries and their marker is unchanged."""
    assert without_injection(results[attempt].before) == without_injection(results[attempt].after)


def test_attempts_were_made(results: dict[str, Result]) -> None:
    """Each attempt was refused by the API server, invalid for the operator, or harmless."""
    found = {attempt: result.state for attempt, result in results.items()}
    assert {"Injected", "Invalid"} == set(found.values())
    assert "an annotation that is more" in {attempt for attempt, state in found.items() if state == "Injected"}
    assert all(
        "OtelProfile" in each.refused or "otelprofile" in each.refused for each in results.values() if each.refused
    )
