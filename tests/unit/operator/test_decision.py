"""Decisions: whom the labels ask for, which profile applies, and when nothing is written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support.builders.deployments import EXPORTER, Object, container, deployment, env, workload_of

from spanloom_operator.injection.decision import Decision, Inputs, decide, requested_profile
from spanloom_operator.injection.record import Record
from spanloom_operator.names import INJECT_LABEL, MODE_ANNOTATION
from spanloom_operator.profiles.rules import Rules

if TYPE_CHECKING:
    from spanloom_operator.injection.workload import Workload
    from spanloom_operator.profiles.reader import Specs

INPUTS = Inputs(Rules(endpoints=("*",)), "home", {("home", "default"): {"exporter": EXPORTER}}, now=1000, grace=300)


def view(its: Object) -> Workload:
    return workload_of(its)


def decided(its: Object, inputs: Inputs, record: Record | None = None) -> Decision:
    return decide(view(its), record, inputs)


ON = {INJECT_LABEL: "true"}

LABELS = {
    "nothing": ({}, None, None),
    "true": ({INJECT_LABEL: "true"}, None, "default"),
    "a profile": ({INJECT_LABEL: "canary"}, None, "canary"),
    "True, as YAML has it": ({INJECT_LABEL: "True"}, None, "default"),
    "false": ({INJECT_LABEL: "false"}, None, None),
    "FALSE": ({INJECT_LABEL: "FALSE"}, "true", None),
    "empty": ({INJECT_LABEL: ""}, None, None),
    "namespace": ({}, "true", "default"),
    "namespace with a profile": ({}, "canary", "canary"),
    "own over namespace": ({INJECT_LABEL: "false"}, "true", None),
    "own profile over namespace": ({INJECT_LABEL: "canary"}, "false", "canary"),
}


@pytest.mark.parametrize(("labels", "namespace", "expected"), LABELS.values(), ids=LABELS)
def test_requested_profile(labels: dict[str, str], namespace: str | None, expected: str | None) -> None:
    """The Deployment's own label decides, else its namespace's."""
    inputs = replace(INPUTS, namespace_label=namespace)
    assert expected == requested_profile(view(deployment(labels=labels)), inputs)


PROFILES = {
    "operator's default": ({}, "true", "Injected", "home/default"),
    "namespace's default first": ({("demo", "default"): {}}, "true", "Injected", "demo/default, home/default"),
    "named": ({("demo", "canary"): {}}, "canary", "Injected", "demo/canary, home/default"),
    "named and missing": ({}, "canary", "Skipped", "there is no OtelProfile canary in namespace demo"),
    "another namespace's": ({("other", "canary"): {}}, "canary", "Skipped", "there is no OtelProfile canary"),
    "invalid": (
        {("demo", "default"): {"propagators": ["b4"]}},
        "true",
        "Invalid",
        "demo/default is invalid: spec.propagators.0",
    ),
    "one that hides an invalid default": (
        {("home", "default"): {"x": 1}},
        "true",
        "Invalid",
        "home/default is invalid",
    ),
}


@pytest.mark.parametrize(("more", "label", "state", "said"), PROFILES.values(), ids=PROFILES)
def test_profile(more: Specs, label: str, state: str, said: str) -> None:
    """The namespace's profile, filled in by the operator's; a missing or invalid one injects nothing and says why."""
    inputs = replace(INPUTS, profiles=INPUTS.profiles | more)
    decision = decided(deployment(labels={INJECT_LABEL: label}), inputs)
    assert (state, True) == (decision.reason, said in decision.message), decision.message
    assert (state == "Injected") == bool(decision.injection.entries)


def test_no_profile_says_where_telemetry_goes() -> None:
    """Without an exporter anywhere nothing is injected: the SDK would talk to localhost."""
    assert "Skipped" == decided(deployment(labels=ON), replace(INPUTS, profiles={})).reason


def test_paused_deployment_waits() -> None:
    """Nothing is written to a paused Deployment's template; giving it back is no rollout and does not wait."""
    decision = decided(deployment(labels=ON, paused=True), INPUTS)
    assert ("Paused", None) == (decision.reason, decision.body)


def test_change_that_kubernetes_has_not_seen_yet() -> None:
    """Right after a change it is unknown whether the Deployment is healthy: wait for its status, unless it is new."""
    its, new = deployment(labels=ON), deployment(labels=ON)
    its["metadata"]["generation"] = 2
    del new["status"]
    decision = decided(its, INPUTS)
    assert ("Watched", None, 5) == (decision.reason, decision.body, decision.wait)
    assert "Injected" == decided(new, INPUTS).reason


def test_dry_run_writes_nothing() -> None:
    """A dry run reports what would be done."""
    decision = decided(deployment(labels=ON, annotations={MODE_ANNOTATION: "dry-run"}), INPUTS)
    assert ("DryRun", None) == (decision.reason, decision.body)
    assert "OTEL_SERVICE_NAME" in decision.message


def test_secret_of_envfrom_is_pointed_out() -> None:
    """Kubernetes lets env win over envFrom, so the message says that injected variables override the Secret's."""
    its = deployment(container(envFrom=[{"secretRef": {"name": "mine"}}]), labels=ON)
    expected = (
        "envFrom Secret mine cannot be read: an injected variable overrides one of the same name in it; set it in env"
    )
    assert expected in decided(its, INPUTS).message


def test_namespace_of_another_installation() -> None:
    """Where another installation looks after a namespace, the label requests nothing of this one."""
    inputs = replace(INPUTS, holder="other/operator")
    decision = decided(deployment(labels=ON), inputs)
    assert ("Withdrawn", None) == (decision.reason, decision.body)
    assert "installation other/operator looks after this namespace" in decision.message


def test_dry_run_is_recorded_but_hides_nothing() -> None:
    """The record reports a dry run, unless it remembers an injection or a rollback."""
    its = deployment(labels=ON, annotations={MODE_ANNOTATION: "dry-run"})
    found = decided(its, INPUTS).record
    assert found is not None
    assert ("DryRun", True) == (found.state, "would be Injected" in found.reason)
    kept = Record("RolledBack", "home/default", "not ready")
    assert kept == decided(its, INPUTS, kept).record


def test_record_names_variables_and_skipped_ones() -> None:
    """The record says what is injected where, and what is not, and why; since when does not change with time."""
    first = decided(deployment(container(env=env(OTEL_SERVICE_NAME="x")), labels=ON), INPUTS).record
    assert first is not None
    assert [("OTEL_SERVICE_NAME", "container env has it")] == [(each.name, each.reason) for each in first.skipped]
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in dict(first.variables)["app"]
    again = decided(deployment(container(env=env(OTEL_SERVICE_NAME="x")), labels=ON), replace(INPUTS, now=2000), first)
    assert again.record is not None
    assert (1000, 1000) == (first.since, again.record.since)


def test_manifest_without_what_the_api_server_adds() -> None:
    """A Deployment as it is in Git, without uid, version and managed fields, can be decided about."""
    its = deployment(labels=ON)
    for key in ("uid", "resourceVersion", "generation"):
        del its["metadata"][key]
    assert "Injected" == decided(its, INPUTS).reason
