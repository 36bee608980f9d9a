"""The main paths on a real API server: ownership, what other appliers do, reversal, drift, and the guard."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING

import pytest
import yaml
from support.cluster.kube import Kube, state, visible_fields, wait_for_state
from support.polling import poll_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from support.cluster.kube import Object

    Operating = Callable[..., AbstractContextManager[Path]]

LABEL = "spanloom.dev/inject"
SLEEP = ["python3", "-c", "import signal; signal.pause()"]


def shop(kube: Kube, replicas: int = 0, **container: object) -> Object:
    labels = {"app": "shop"}
    each = {"name": "app", "image": "python:3.13-slim", "command": SLEEP, **container}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop", "namespace": kube.namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"terminationGracePeriodSeconds": 0, "containers": [each]},
            },
        },
    }


def names(kube: Kube) -> list[str]:
    entries = kube.get("deployment/shop")["spec"]["template"]["spec"]["containers"][0].get("env", [])
    return [entry["name"] for entry in entries]


def generation(kube: Kube) -> int:
    return int(kube.get("deployment/shop")["metadata"]["generation"])


def label(kube: Kube, value: str = "true") -> None:
    kube("label", "--overwrite", "deployment/shop", f"{LABEL}={value}")


def unlabel(kube: Kube) -> None:
    kube("label", "deployment/shop", f"{LABEL}-")


def test_label_off_and_it_was_never_touched(kube: Kube, operating: Operating) -> None:
    """`kubectl get -o yaml` equals the original, also when there was no env at all."""
    kube.apply(shop(kube))
    before = visible_fields(kube)
    with operating():
        label(kube)
        wait_for_state(kube, "Injected")
        assert "OTEL_RESOURCE_ATTRIBUTES" == names(kube)[-1]
        unlabel(kube)
        wait_for_state(kube, None)
    assert before == visible_fields(kube)


def test_label_off_while_down(kube: Kube, operating: Operating) -> None:
    """What happened while the operator was not there is found when it comes back."""
    kube.apply(shop(kube, env=[{"name": "A", "value": "1"}]))
    before = visible_fields(kube)
    label(kube)
    with operating():
        wait_for_state(kube, "Injected")
    unlabel(kube)
    with operating():
        wait_for_state(kube, None)
    assert before == visible_fields(kube)


def test_restart_writes_nothing(kube: Kube, operating: Operating) -> None:
    """A restart with nothing changed leaves generation and resourceVersion alone."""
    kube.apply(shop(kube))
    label(kube)
    with operating():
        wait_for_state(kube, "Injected")
    before = kube.get("deployment/shop")["metadata"]
    other = shop(kube)
    other["metadata"]["name"] = "later"
    with operating():
        kube.apply(other)
        kube("label", "deployment/later", f"{LABEL}=true")
        wait_for_state(kube, "Injected", "later")
    after = kube.get("deployment/shop")["metadata"]
    assert before["resourceVersion"] == after["resourceVersion"]


def test_running_containers_environment(kube: Kube, operating: Operating) -> None:
    """What the process sees: references resolved in order, the ConfigMap's attributes merged behind ours."""
    data = {"OTEL_RESOURCE_ATTRIBUTES": "team=mine,service.namespace=own", "OTEL_TRACES_EXPORTER": "console"}
    kube.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "shop", "namespace": kube.namespace},
            "data": data,
        }
    )
    kube.apply(
        shop(
            kube, 1, envFrom=[{"configMapRef": {"name": "shop"}}], env=[{"name": "A", "value": "$(OTEL_SERVICE_NAME)"}]
        )
    )
    with operating():
        label(kube)
        wait_for_state(kube, "Injected")
        kube("rollout", "status", "deployment/shop", "--timeout=90s")
    lines = kube("exec", "deployment/shop", "--", "env").splitlines()
    env = dict(line.split("=", 1) for line in lines)
    attributes = dict(pair.split("=", 1) for pair in env["OTEL_RESOURCE_ATTRIBUTES"].split(","))
    pod = next(pod for pod in kube.get("pods")["items"] if not pod["metadata"].get("deletionTimestamp"))
    assert ("shop", "console", "$(OTEL_SERVICE_NAME)") == (
        env["OTEL_SERVICE_NAME"],
        env["OTEL_TRACES_EXPORTER"],
        env["A"],
    )
    assert {
        "k8s.pod.name": pod["metadata"]["name"],
        "k8s.pod.uid": pod["metadata"]["uid"],
        "k8s.node.name": pod["spec"]["nodeName"],
        "service.instance.id": f"{kube.namespace}.{pod['metadata']['name']}.app",
        "team": "mine",
        "service.namespace": "own",
    }.items() <= attributes.items()


def test_kubectl_apply_and_server_side_apply_are_neighbours(kube: Kube, operating: Operating) -> None:
    """Other appliers neither remove the injection nor are fought, and take over what they want."""
    kube.apply(shop(kube))
    label(kube)
    with operating():
        wait_for_state(kube, "Injected")
        injected = names(kube)
        changed = shop(kube, env=[{"name": "A", "value": "1"}])
        kube.apply(changed)
        assert {*injected, "A"} == set(names(kube))
        theirs = deepcopy(changed)
        theirs["spec"]["template"]["spec"]["containers"][0]["env"].append(
            {"name": "OTEL_SERVICE_NAME", "value": "shop"}
        )
        kube(
            "apply", "--server-side", "--field-manager=argocd", "--force-conflicts", "-f", "-", stdin=json.dumps(theirs)
        )
        poll_until(lambda: "container env has it" in json.dumps(kube.get("deployment/shop")), "their entry is left out")
        unlabel(kube)
        wait_for_state(kube, None)
    assert {"A", "OTEL_SERVICE_NAME"} == set(names(kube))


def test_edited_entry_belongs_to_who_edited_it(kube: Kube, operating: Operating) -> None:
    """A value changed with `kubectl set env` is the user's from then on, also after the label is gone."""
    kube.apply(shop(kube))
    label(kube)
    with operating():
        wait_for_state(kube, "Injected")
        kube("set", "env", "deployment/shop", "OTEL_SERVICE_NAME=mine")
        poll_until(lambda: "container env has it" in json.dumps(kube.get("deployment/shop")), "it is left out")
        unlabel(kube)
        wait_for_state(kube, None)
    entries = kube.get("deployment/shop")["spec"]["template"]["spec"]["containers"][0]["env"]
    assert [{"name": "OTEL_SERVICE_NAME", "value": "mine"}] == entries


@pytest.mark.parametrize("helm", ["helm", "helm4"])
def test_helm_upgrade_keeps_the_injection(kube: Kube, operating: Operating, tmp_path: Path, helm: str) -> None:
    """An upgrade changes what the chart says and leaves the injection, with Helm 3 and 4."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("{apiVersion: v2, name: shop, version: 0.1.0}")
    its = shop(kube, env=[{"name": "A", "value": "{{ .Values.a }}"}])
    its["metadata"]["labels"] = {LABEL: "true"}
    (tmp_path / "templates" / "shop.yaml").write_text(yaml.safe_dump(its))
    with operating():
        kube.run(helm, "install", "shop", str(tmp_path), "--set-string", "a=1")
        wait_for_state(kube, "Injected")
        injected = names(kube)
        kube.run(helm, "upgrade", "shop", str(tmp_path), "--set-string", "a=2")
        assert injected == names(kube)
        kube.run(helm, "uninstall", "shop")


def test_replaced_deployment_is_mended(kube: Kube, operating: Operating) -> None:
    """`kubectl replace` wipes the injection, and it comes back."""
    its = shop(kube)
    its["metadata"]["labels"] = {LABEL: "true"}
    kube.apply(its)
    with operating():
        wait_for_state(kube, "Injected")
        kube("replace", "-f", "-", stdin=json.dumps(its))
        wait_for_state(kube, "Injected")
    assert "OTEL_SERVICE_NAME" in names(kube)


def test_changed_profile_rolls_once(kube: Kube, operating: Operating) -> None:
    """A namespace's profile applies at once, one generation for each change, and counts its Deployments."""
    profile = {
        "apiVersion": "spanloom.dev/v1alpha1",
        "kind": "OtelProfile",
        "metadata": {"name": "default", "namespace": kube.namespace},
    }
    kube.apply(shop(kube))
    with operating():
        label(kube)
        wait_for_state(kube, "Injected")
        before = generation(kube)
        kube.apply({**profile, "spec": {"sampler": {"type": "always_off"}}})
        poll_until(lambda: "OTEL_TRACES_SAMPLER" in names(kube), "the profile is applied")
        poll_until(lambda: kube.get("otelprofile/default").get("status", {}).get("injected") == 1, "it is counted")
        assert before + 1 == generation(kube)


def test_invalid_profile_injects_nothing(kube: Kube, operating: Operating) -> None:
    """What the schema cannot see is said in the profile's status and in Events; nothing is injected."""
    profile = {
        "apiVersion": "spanloom.dev/v1alpha1",
        "kind": "OtelProfile",
        "metadata": {"name": "default", "namespace": kube.namespace},
    }
    kube.apply({**profile, "spec": {"exporter": {"endpoint": "http://evil.example:4318", "protocol": "http/protobuf"}}})
    kube.apply(shop(kube))
    with operating():
        label(kube)
        wait_for_state(kube, "Invalid")
        poll_until(lambda: kube.get("otelprofile/default").get("status", {}).get("valid") is False, "status says so")
        poll_until(lambda: "allow-list" in kube("events", "--for", "deployment/shop"), "an Event says so")
    assert [] == names(kube)


def test_namespace_label_and_misplaced_label(kube: Kube, operating: Operating) -> None:
    """A namespace's label is the default of its Deployments; one on the pod template is pointed out."""
    its = shop(kube)
    its["spec"]["template"]["metadata"]["labels"] |= {LABEL: "true"}
    kube.apply(its)
    with operating():
        poll_until(lambda: "Misplaced" in kube("events", "--for", "deployment/shop"), "an Event points it out")
        kube("label", "namespace", kube.namespace, f"{LABEL}=true")
        wait_for_state(kube, "Injected")
        kube("label", "namespace", kube.namespace, f"{LABEL}-")
        wait_for_state(kube, None)


def test_rollout_that_fails_is_rolled_back(kube: Kube, operating: Operating) -> None:
    """An injection with which the application does not start is taken back, and tried again only on request."""
    picky = "'OTEL_SERVICE_NAME' in os.environ and sys.exit(1); open('/tmp/ready', 'w'); signal.pause()"
    probe = {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1}
    kube.apply(shop(kube, 1, command=["python3", "-c", f"import os, signal, sys; {picky}"], readinessProbe=probe))
    kube("rollout", "status", "deployment/shop", "--timeout=60s")
    before = visible_fields(kube)
    with operating(GRACE="6"):
        label(kube)
        wait_for_state(kube, "RolledBack")
        kube("rollout", "status", "deployment/shop", "--timeout=60s")
        assert before["spec"] == visible_fields(kube)["spec"]
        kube("annotate", "deployment/shop", "spanloom.dev/acknowledged=1")
        wait_for_state(kube, "Injected")
        wait_for_state(kube, "RolledBack")


def test_cleanup(kube: Kube, operating: Operating, account: Path) -> None:
    """`spanloom cleanup` leaves nothing of the operator behind, although the label is still there."""
    kube.apply(shop(kube))
    label(kube)
    before = deepcopy(visible_fields(kube))
    with operating():
        wait_for_state(kube, "Injected")
    said = Kube(kube.namespace).cli("cleanup", "--namespaces", kube.namespace, kubeconfig=account)
    assert f"withdrawn from deployment {kube.namespace}/shop\n" == said
    assert before == visible_fields(kube)
    assert state(kube) is None


def test_explain_needs_no_operator(kube: Kube) -> None:
    """From a user's own kubeconfig: every variable with its source, and what is not injected with its reason."""
    kube.apply(shop(kube, env=[{"name": "OTEL_PROPAGATORS", "value": "b3"}]))
    label(kube)
    found = json.loads(
        kube.cli("explain", "deployment/shop", "-n", kube.namespace, "--home", "op-e2e-home", "-o", "json")
    )[0]
    variables, skipped = ({row["name"]: row for row in found[key]} for key in ("variables", "skipped"))
    assert ("shop", "Deployment", "not applied yet") == tuple(
        variables["OTEL_SERVICE_NAME"][key] for key in ("value", "source", "owner")
    )
    assert ("container env has it", "kubectl-client-side-apply") == (
        skipped["OTEL_PROPAGATORS"]["reason"],
        skipped["OTEL_PROPAGATORS"]["owner"],
    )
