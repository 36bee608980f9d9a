"""Injection and its removal on a real API server: labels, restarts, the environment of a running container."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING

from e2e.operator.shop import env, generation, label, profile, shop, unlabel
from support.cluster.kube import Kube, injection, state, visible_fields, wait_for_state
from support.polling import poll_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    Operating = Callable[..., AbstractContextManager[object]]


def test_label_removed(kube: Kube, operating: Operating) -> None:
    """`kubectl get -o yaml` equals the original, also when there was no env at all."""
    kube.apply(shop(kube))
    before = visible_fields(kube)
    with operating():
        label(kube)
        wait_for_state(kube, "Injected")
        assert ["OTEL_RESOURCE_ATTRIBUTES", "SPANLOOM_INJECTED"] == list(env(kube))[-2:]
        assert "annotations" not in kube.get("deployment/shop")["metadata"] or "spanloom" not in json.dumps(
            kube.get("deployment/shop")["metadata"]["annotations"]
        )
        unlabel(kube)
        wait_for_state(kube, None)
    assert before == visible_fields(kube)


def test_label_removed_while_the_operator_was_down(kube: Kube, operating: Operating) -> None:
    """What happened while the operator was not running is found when it starts."""
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
    """A restart with nothing changed leaves the resourceVersions of Deployment and OtelInjection alone."""
    kube.apply(shop(kube))
    label(kube)
    with operating():
        wait_for_state(kube, "Injected")
        poll_until(lambda: injection(kube)["guard"]["isRolledOut"], "the record is complete")
    before = versions(kube)
    with operating():
        kube.apply(shop(kube, name="later"))
        label(kube, "later")
        wait_for_state(kube, "Injected", "later")
    assert before == versions(kube)


def versions(kube: Kube) -> list[str]:
    return [kube.get(f"{kind}/shop")["metadata"]["resourceVersion"] for kind in ("deployment", "otelinjection")]


def test_kubectl_shows_what_is_injected(kube: Kube, operating: Operating) -> None:
    """`kubectl get otelinjections` reads as a table; the object goes with its Deployment."""
    kube.apply(shop(kube, env=[{"name": "OTEL_PROPAGATORS", "value": "b3"}]))
    with operating():
        label(kube)
        wait_for_state(kube, "Injected")
        head, row = (line.split() for line in kube("get", "otelinjections").splitlines())
        assert ["NAME", "STATE", "PROFILE", "INJECTED", "ROLLEDOUT", "SINCE", "REASON"] == head
        assert ["shop", "Injected", "op-e2e-home/default"] == row[:3]
        assert "container env has it" in json.dumps(injection(kube)["skipped"])
        kube("delete", "deployment", "shop")
        poll_until(lambda: state(kube) is None, "the garbage collector removes it", 120)  # a new CRD takes it 30 s


def test_running_containers_environment(kube: Kube, operating: Operating) -> None:
    """The process sees references resolved in order, the ConfigMap's attributes merged, and the pod's version."""
    data = {"OTEL_RESOURCE_ATTRIBUTES": "team=mine,service.namespace=own", "OTEL_TRACES_EXPORTER": "console"}
    metadata = {"name": "shop", "namespace": kube.namespace}
    kube.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    own = [{"name": "A", "value": "$(OTEL_SERVICE_NAME)"}]
    its = shop(kube, 1, envFrom=[{"configMapRef": {"name": "shop"}}], env=own)
    its["spec"]["template"]["metadata"]["labels"] |= {"app.kubernetes.io/version": "1.2.3"}
    kube.apply(its)
    with operating():
        label(kube)
        wait_for_state(kube, "Injected")
        kube("rollout", "status", "deployment/shop", "--timeout=90s")
    seen = dict(line.split("=", 1) for line in kube("exec", "deployment/shop", "--", "env").splitlines())
    attributes = dict(pair.split("=", 1) for pair in seen["OTEL_RESOURCE_ATTRIBUTES"].split(","))
    pod = next(pod for pod in kube.get("pods")["items"] if not pod["metadata"].get("deletionTimestamp"))
    expected = ("shop", "console", "$(OTEL_SERVICE_NAME)")
    assert expected == (seen["OTEL_SERVICE_NAME"], seen["OTEL_TRACES_EXPORTER"], seen["A"])
    assert {
        "k8s.pod.name": pod["metadata"]["name"],
        "k8s.pod.uid": pod["metadata"]["uid"],
        "k8s.node.name": pod["spec"]["nodeName"],
        "service.instance.id": f"{kube.namespace}.{pod['metadata']['name']}.app",
        "service.version": "1.2.3",
        "team": "mine",
        "service.namespace": "own",
    }.items() <= attributes.items()


def test_default_container(kube: Kube, operating: Operating) -> None:
    """The pod template's default container is injected; a sidecar that is put first changes nothing."""
    its = shop(kube)
    containers = its["spec"]["template"]["spec"]["containers"]
    containers.append({**containers[0], "name": "sidecar"})
    its["spec"]["template"]["metadata"]["annotations"] = {"kubectl.kubernetes.io/default-container": "sidecar"}
    kube.apply(its)
    with operating():
        label(kube)
        wait_for_state(kube, "Injected")
        assert [{}, True] == [env(kube), "OTEL_SERVICE_NAME" in env(kube, container=1)]
        before = generation(kube)
        containers.insert(0, {**containers[0], "name": "first"})
        kube.apply(its)
        poll_until(lambda: kube.get("deployment/shop")["status"]["observedGeneration"] == before + 1, "it is observed")
        wait_for_state(kube, "Injected")
    assert before + 1 == generation(kube)
    assert [each["name"] for each in injection(kube)["containers"]] == ["sidecar"]


def test_namespace_label_and_misplaced_label(kube: Kube, operating: Operating) -> None:
    """A namespace's label is the default of its Deployments; an Event names one on the pod template."""
    its = shop(kube)
    its["spec"]["template"]["metadata"]["labels"] |= {"spanloom.dev/inject": "true"}
    kube.apply(its)
    with operating(whole_cluster=True):
        poll_until(lambda: "Misplaced" in kube("events", "--for", "deployment/shop"), "an Event names it")
        kube("label", "namespace", kube.namespace, "spanloom.dev/inject=True")
        wait_for_state(kube, "Injected")
        kube("label", "namespace", kube.namespace, "spanloom.dev/inject-")
        wait_for_state(kube, None)


def test_changed_profile_rolls_once(kube: Kube, operating: Operating) -> None:
    """A namespace's profile applies at once, one generation for each change, and counts its Deployments."""
    kube.apply(shop(kube))
    with operating():
        label(kube)
        wait_for_state(kube, "Injected")
        before = generation(kube)
        kube.apply(profile(kube, sampler={"type": "always_off"}))
        poll_until(lambda: "OTEL_TRACES_SAMPLER" in env(kube), "the profile is applied")
        poll_until(lambda: kube.get("otelprofile/default").get("status", {}).get("injected") == 1, "it is counted")
        assert before + 1 == generation(kube)


def test_invalid_profile_injects_nothing(kube: Kube, operating: Operating) -> None:
    """What the schema cannot see is in the profile's status and in Events; nothing is injected."""
    kube.apply(profile(kube, exporter={"endpoint": "http://evil.example:4318", "protocol": "http/protobuf"}))
    kube.apply(shop(kube))
    with operating():
        label(kube)
        wait_for_state(kube, "Invalid")
        poll_until(lambda: kube.get("otelprofile/default").get("status", {}).get("valid") is False, "status says so")
        poll_until(lambda: "allow-list" in kube("events", "--for", "deployment/shop"), "an Event says so")
    assert {} == env(kube)


def test_cleanup(kube: Kube, operating: Operating, account: Path) -> None:
    """`spanloom cleanup` leaves nothing of the operator behind, although the label is still there."""
    kube.apply(shop(kube))
    label(kube)
    before = deepcopy(visible_fields(kube))
    with operating():
        wait_for_state(kube, "Injected")
    printed = Kube(kube.namespace).cli("cleanup", "--namespaces", kube.namespace, kubeconfig=account)
    assert f"withdrawn from deployment {kube.namespace}/shop\n" == printed
    assert before == visible_fields(kube)
    assert state(kube) is None


def test_explain_needs_no_operator(kube: Kube) -> None:
    """With the user's own kubeconfig: every variable with its source, and what is skipped with its reason."""
    kube.apply(shop(kube, env=[{"name": "OTEL_PROPAGATORS", "value": "b3"}]))
    label(kube)
    arguments = ["explain", "deployment/shop", "-n", kube.namespace, "--home", "op-e2e-home", "-o", "json"]
    [found] = json.loads(kube.cli(*arguments))
    variables = {row["name"]: row for row in found["variables"]}
    skipped = {row["name"]: row for row in found["skipped"]}
    assert ("shop", "Deployment", "not applied yet") == tuple(
        variables["OTEL_SERVICE_NAME"][key] for key in ("value", "source", "owner")
    )
    assert ("container env has it", "kubectl-client-side-apply") == (
        skipped["OTEL_PROPAGATORS"]["reason"],
        skipped["OTEL_PROPAGATORS"]["owner"],
    )
