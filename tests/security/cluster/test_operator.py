"""A tenant who may label Deployments and write OtelProfiles gets telemetry configured, and nothing else done for them.

The tenant is a user by impersonation, held by a role and by an admission policy to just that.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

import pytest
from support.kube import Kube, state
from support.operating import ACCOUNT, EXPORTER, installed, operating, write_config
from support.polling import poll_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.kube import Object

LABEL = "spanloom.dev/inject"
STATUS = "spanloom.dev/status"
TENANT = "--as=tenant"
SECRETS = {"env": [{"name": "DATABASE_PASSWORD", "value": "CANARY"}], "name": "app", "image": "none:0"}
VERBS = ["create", "get", "list", "patch"]
# Every ServiceAccount of the chart: resource, names if it is held to some, verbs; beyond what every account may.
MAY = {
    "op-operator": {
        "configmaps [get]",
        "deployments.apps [get list watch patch]",
        "events [create]",
        "namespaces [list watch]",
        "otelprofiles.spanloom.dev [get list watch]",
        "otelprofiles.spanloom.dev/status [patch]",
        "replicasets.apps [list watch]",
    },
    "op-operator-cleanup": {"deployments.apps [get list patch]", "namespaces [list watch]"},
    "op-operator-test": {"deployments.apps [create]", "deployments.apps [op-operator-test] [get patch delete]"},
}


@pytest.fixture(scope="module")
def home() -> Iterator[Kube]:
    """Make the operator's namespace, with everything of the chart but its pods."""
    with installed(f"op-security-{uuid4().hex[:6]}") as kube:
        yield kube


def new_namespace() -> Kube:
    kube = Kube(f"op-security-{uuid4().hex[:6]}")
    kube("create", "namespace", kube.namespace)
    return kube


@pytest.fixture(scope="module")
def neighbour() -> Iterator[Kube]:
    """Make a namespace in which the tenant may do nothing, with a profile that names a Secret."""
    kube = new_namespace()
    headers = {"secretKeyRef": {"name": "neighbours-secret", "key": "neighbours-key"}}
    kube.apply(profile("neighbours", {"exporter": {**EXPORTER, "headers": headers}}))
    yield kube
    kube("delete", "namespace", kube.namespace, "--wait=false")


@pytest.fixture(scope="module")
def mine() -> Iterator[Kube]:
    """Make the tenant's namespace, with the tenant's rights in it: profiles, and labels of Deployments."""
    kube = new_namespace()
    policy = only_metadata(kube)
    kube("create", "role", "tenant", "--resource=otelprofiles.spanloom.dev", *(f"--verb={verb}" for verb in VERBS))
    kube("create", "role", "labels", "--resource=deployments.apps", "--verb=get", "--verb=patch")
    for role in ("tenant", "labels"):
        kube("create", "rolebinding", role, f"--role={role}", "--user=tenant")
    kube("apply", "-f", "-", stdin=policy)
    yield kube
    kube("delete", "--wait=false", "-f", "-", stdin=policy)
    kube("delete", "namespace", kube.namespace, "--wait=false")


def only_metadata(kube: Kube) -> str:
    """Return what holds the tenant to the metadata of Deployments: roles cannot."""
    rules = [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["deployments"]}]
    spec = {
        "matchConstraints": {"resourceRules": rules},
        "matchConditions": [{"name": "tenant", "expression": "request.userInfo.username == 'tenant'"}],
        "validations": [{"expression": "object.spec == oldObject.spec", "message": "labels only"}],
    }
    binding = {"policyName": kube.namespace, "validationActions": ["Deny"]}
    kinds = {"ValidatingAdmissionPolicy": spec, "ValidatingAdmissionPolicyBinding": binding}
    version = "admissionregistration.k8s.io/v1"
    things = [
        {"apiVersion": version, "kind": kind, "metadata": {"name": kube.namespace}, "spec": spec}
        for kind, spec in kinds.items()
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": things})


def profile(name: str, spec: Object) -> Object:
    kind = {"apiVersion": "spanloom.dev/v1alpha1", "kind": "OtelProfile"}
    return {**kind, "metadata": {"name": name}, "spec": spec}


def shop(name: str, *containers: Object) -> Object:
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": list(containers) or [SECRETS]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "annotations": {"example.org/kept": "yes"}},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod},
    }


class Attempt(NamedTuple):
    """What a tenant tries: the spec of a profile, and annotations of the Deployment that uses it."""

    spec: Object
    annotations: dict[str, str] = {}  # noqa: RUF012 - read only


def to(endpoint: str, **more: object) -> Attempt:
    return Attempt({"exporter": {**EXPORTER, "endpoint": endpoint, **more}})


def variable(name: str, value: str) -> Attempt:
    return Attempt({"env": [{"name": name, "value": value}]})


def annotated(key: str, value: str) -> Attempt:
    return Attempt({"sampler": {"type": "always_on"}}, {key: value})


ATTEMPTS = {
    "another host": to("http://evil.example:4318"),
    "a host that begins alike": to("http://otel-collector.observability.evil.example:4318"),
    "a host that ends alike": to("http://evil-otel-collector.observability:4318"),
    "the host as a user": to("http://otel-collector.observability:4318@evil.example:4318"),
    "the host as a user, encoded": to("http://otel-collector.observability%40evil.example:4318"),
    "the host as a fragment": to("http://evil.example:4318/#otel-collector.observability:4318"),
    "a backslash": to("http://evil.example:4318\\@otel-collector.observability:4318"),
    "a reference": to("http://$(EVIL).evil.example:4318"),
    "another port": to("http://otel-collector.observability:4319"),
    "another scheme": to("https://otel-collector.observability:4318"),
    "endpoint of one signal": variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://evil.example"),
    "endpoint as a variable": variable("OTEL_EXPORTER_OTLP_ENDPOINT", "http://evil.example"),
    "endpoint of another exporter": variable("OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http://evil.example"),
    "certificate": variable("OTEL_EXPORTER_OTLP_CERTIFICATE", "/evil"),
    "headers as a variable": variable("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "evil=1"),
    "configuration file": variable("OTEL_CONFIG_FILE", "/evil"),
    "experimental configuration file": variable("OTEL_EXPERIMENTAL_CONFIG_FILE", "/evil"),
    "an application's secret": variable("OTEL_EVIL", "$(DATABASE_PASSWORD)"),
    "an application's secret, behind a dollar sign": variable("OTEL_EVIL", "$$$(DATABASE_PASSWORD)"),
    "a variable of the loader": variable("LD_PRELOAD", "/evil.so"),
    "a variable behind a line's end": variable("OTEL_X\nLD_PRELOAD", "/evil.so"),
    "headers from another namespace": to(
        EXPORTER["endpoint"], headers={"secretKeyRef": {"namespace": "evil", "name": "x", "key": "y"}}
    ),
    "headers as text": to(EXPORTER["endpoint"], headers="evil=1"),
    "an attribute that is a reference": Attempt({"resource": {"resourceAttributes": {"x": "$(DATABASE_PASSWORD)"}}}),
    "an attribute that is more": Attempt({"resource": {"resourceAttributes": {"x": "1,service.name=evil"}}}),
    "an annotation that is a reference": annotated("resource.opentelemetry.io/x", "$(DATABASE_PASSWORD)"),
    "an annotation that is more": annotated("resource.opentelemetry.io/x", "1,service.name=evil"),
    "a service's name that is a reference": annotated("resource.opentelemetry.io/service.name", "$(DATABASE_PASSWORD)"),
    "an endpoint as an annotation": annotated("spanloom.dev/endpoint", "http://evil.example"),
}


class Tried(NamedTuple):
    """What came of an attempt: the Deployment before and after, and whether the API server refused the profile."""

    before: Object
    after: Object
    refused: str


@pytest.fixture(scope="module")
def tried(home: Kube, mine: Kube, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tried]:
    """Let the tenant try everything, each with a Deployment of its own, and the operator answer."""
    names = {attempt: f"shop-{number}" for number, attempt in enumerate(ATTEMPTS)}
    mine.apply(*(shop(name, SECRETS, {"name": "sidecar", "image": "none:0"}) for name in names.values()))
    before = deployments(mine)
    refused = {names[attempt]: attempts(mine, names[attempt], trial) for attempt, trial in ATTEMPTS.items()}
    directory = tmp_path_factory.mktemp("operator")
    account = write_config(home, ACCOUNT, directory / "kubeconfig")
    with operating(account, directory / "log", NAMESPACE=home.namespace):
        poll_until(lambda: all(map(has_answer, deployments(mine).values())), "every Deployment has its answer")
    after = deployments(mine)
    return {attempt: Tried(before[name], after[name], refused[name]) for attempt, name in names.items()}


def deployments(kube: Kube) -> dict[str, Object]:
    return {item["metadata"]["name"]: item for item in kube.get("deployments")["items"]}


def has_answer(deployment: Object) -> bool:
    return STATUS in deployment["metadata"]["annotations"]


def attempts(mine: Kube, name: str, attempt: Attempt) -> str:
    """Write the profile, or else an empty one, and choose it with a label; return why the API server refused it."""
    wanted = json.dumps(profile(name, {**attempt.spec, "containers": ["*"]}))
    refused = ""
    try:
        mine("create", TENANT, "-f", "-", stdin=wanted)
    except AssertionError as error:
        refused = str(error)
        mine("create", TENANT, "-f", "-", stdin=json.dumps(profile(name, {"containers": ["*"]})))
    for key, value in attempt.annotations.items():
        mine("annotate", TENANT, "deployment", name, f"{key}={value}")
    mine("label", TENANT, "deployment", name, f"{LABEL}={name}")
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


def test_a_neighbours_profile_is_not_seen(home: Kube, mine: Kube, neighbour: Kube, tmp_path: Path) -> None:
    """A profile applies in its own namespace alone, and who names it elsewhere learns nothing of what it names."""
    mine.apply(shop("curious"))
    account = write_config(home, ACCOUNT, tmp_path / "kubeconfig")
    with operating(account, tmp_path / "log", NAMESPACE=home.namespace):
        mine("label", TENANT, "deployment", "curious", f"{LABEL}=neighbours")
        poll_until(lambda: state(mine, "curious") == "Skipped", "the operator says that there is none")
        poll_until(lambda: "Skipped" in mine("events", "--for", "deployment/curious"), "an Event says so")
    seen = mine("get", "deployments,events,otelprofiles", "-o", "json") + (tmp_path / "log").read_text()
    assert [] == [word for word in ("neighbours-secret", "neighbours-key") if word in seen]
    assert "neighbours-secret" in neighbour("get", "otelprofiles", "-o", "json")


@pytest.mark.parametrize("what", ["secrets", "otelprofiles"])
def test_tenant_reads_nothing_of_the_neighbour(mine: Kube, neighbour: Kube, what: str) -> None:
    """The tenant of these tests has no other way: the API server refuses the neighbour's Secrets and profiles."""
    assert "forbidden" in neighbour("get", TENANT, what, succeeds=False)


def rights(kube: Kube, account: str) -> set[str]:
    """Return what a ServiceAccount may do in a namespace: resource, names and verbs, a line each."""
    who = f"--as=system:serviceaccount:{kube.namespace}:{account}"
    lines = kube("auth", "can-i", "--list", who).splitlines()[1:]
    return {" ".join(line.replace("[]", "").split()) for line in lines if not line.startswith(" ")}


@pytest.mark.parametrize("account", MAY)
def test_accounts_may_do_just_this(home: Kube, account: str) -> None:
    """Roles give each account of the chart these rights beyond those of every account, and no other."""
    assert MAY[account] == rights(home, account) - rights(home, "default")


def test_every_account_is_in_the_table(home: Kube) -> None:
    """The chart has no other ServiceAccount."""
    accounts = {item["metadata"]["name"] for item in home.get("serviceaccounts")["items"]}
    assert MAY.keys() | {"default"} == accounts


@pytest.mark.parametrize("patch", [{"image": "evil:1"}, {"env": [{"name": "LD_PRELOAD", "value": "/evil.so"}]}])
def test_the_operators_account_is_held_to_otel_variables(home: Kube, mine: Kube, patch: Object) -> None:
    """The admission policy refuses whoever acts as the operator and writes anything else into a container."""
    mine.apply(shop("held"))
    body = {"spec": {"template": {"spec": {"containers": [{"name": "app", **patch}]}}}}
    who = f"--as=system:serviceaccount:{home.namespace}:{ACCOUNT}"
    said = mine("patch", who, "deployment", "held", f"--patch={json.dumps(body)}", succeeds=False)
    assert "OTEL_* entries of env only" in said


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
def told(home: Kube, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Let the operator and `spanloom explain` tell all they can of Deployments full of secrets; by channel."""
    kube, directory = new_namespace(), tmp_path_factory.mktemp("operator")
    kube("create", "secret", "generic", "secret", f"--from-literal=PASSWORD={CANARIES['secret']}")
    kube("create", "configmap", "config", f"--from-literal=PASSWORD={CANARIES['config']}")
    kube.apply(profile("invalid", {"propagators": ["b4"]}))
    headers = {"secretKeyRef": {"name": "secret", "key": "PASSWORD"}}
    kube.apply(profile("secretive", {"exporter": {**EXPORTER, "headers": headers}}))
    kube.apply(*map(secretive, STATES))
    account, log = write_config(home, ACCOUNT, directory / "kubeconfig"), directory / "log"
    with operating(account, log, NAMESPACE=home.namespace):
        poll_until(lambda: events_of(kube) >= STATES.keys(), "there is an Event for each")
        poll_until(lambda: reported(kube), "profiles have their status")
    explain = ["explain", "-n", kube.namespace, "--home", home.namespace]
    annotations = [item["metadata"]["annotations"].get(STATUS, "") for item in kube.get("deployments")["items"]]
    yield {
        "Events": kube("get", "events", "-o", "json"),
        "status of profiles": json.dumps([item.get("status") for item in kube.get("otelprofiles")["items"]]),
        "annotations": "\n".join(annotations),
        "log": log.read_text(),
        "explain": "\n".join(kube.cli(*explain, f"deployment/{name}") for name in STATES),
        "explain, JSON": "\n".join(kube.cli(*explain, f"deployment/{name}", "-o", "json") for name in STATES),
    }
    kube("delete", "namespace", kube.namespace, "--wait=false")


def events_of(kube: Kube) -> set[str]:
    return {item["involvedObject"]["name"] for item in kube.get("events")["items"]}


def reported(kube: Kube) -> bool:
    return all("valid" in item.get("status", {}) for item in kube.get("otelprofiles")["items"])


@pytest.mark.parametrize("place", CANARIES)
def test_a_canary_is_told_nowhere(told: dict[str, str], place: str) -> None:
    """What a Deployment keeps in env, Secrets, ConfigMaps or annotations is in nothing that the operator tells."""
    assert [] == [channel for channel, text in told.items() if CANARIES[place] in text]


def test_what_may_be_told_is_found(told: dict[str, str]) -> None:
    """The search would find a canary: names of variables are told, and each channel was used."""
    tell_names = [channel for channel, text in told.items() if "OTEL_RESOURCE_ATTRIBUTES" in text]
    assert ["Events", "annotations", "log", "explain", "explain, JSON"] == tell_names
    assert "propagators" in told["status of profiles"]
    assert "<secret secret/PASSWORD>" in told["explain"]
