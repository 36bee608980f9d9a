"""Other tools that write the same Deployment: kubectl, Argo CD, Helm 3 and 4. The user's configuration wins."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING

import pytest
import yaml
from e2e.operator.shop import env, label, labelled_shop, shop, unlabel
from support.cluster.kube import injection, wait_for_state
from support.polling import poll_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from support.cluster.kube import Kube, Object

    Operating = Callable[..., AbstractContextManager[object]]

OWN = [{"name": "A", "value": "1"}]


def wait_until_skipped(kube: Kube) -> None:
    """Wait until the operator says that the user's own service name is respected."""
    expected = {"container": "app", "name": "OTEL_SERVICE_NAME", "reason": "container env has it"}
    poll_until(lambda: expected in injection(kube).get("skipped", []), "the user's entry is skipped")


def test_kubectl_apply_and_server_side_apply_do_not_conflict(kube: Kube, operating: Operating) -> None:
    """Other appliers neither remove the injection nor are fought, and take over what they want."""
    kube.apply(shop(kube))
    label(kube)
    with operating():
        wait_for_state(kube, "Injected")
        injected = env(kube)
        kube.apply(shop(kube, env=OWN))
        assert {*injected, "A"} == set(env(kube))
        theirs = shop(kube, env=[*OWN, {"name": "OTEL_SERVICE_NAME", "value": "shop"}])
        arguments = ["apply", "--server-side", "--field-manager=argocd", "--force-conflicts", "-f", "-"]
        kube(*arguments, stdin=json.dumps(theirs))
        wait_until_skipped(kube)
        unlabel(kube)
        wait_for_state(kube, None)
    assert {"A": "1", "OTEL_SERVICE_NAME": "shop"} == env(kube)


def test_edited_entry_belongs_to_who_edited_it(kube: Kube, operating: Operating) -> None:
    """A value changed with `kubectl set env` is the user's from then on, also after the label is removed."""
    kube.apply(shop(kube))
    label(kube)
    with operating():
        wait_for_state(kube, "Injected")
        kube("set", "env", "deployment/shop", "OTEL_SERVICE_NAME=mine")
        wait_until_skipped(kube)
        unlabel(kube)
        wait_for_state(kube, None)
    assert {"OTEL_SERVICE_NAME": "mine"} == env(kube)


def chart(kube: Kube, path: Path) -> Path:
    """Write a chart of the Deployment, with the variables of the value `env`."""
    (path / "templates").mkdir(parents=True)
    (path / "Chart.yaml").write_text("{apiVersion: v2, name: shop, version: 0.1.0}")
    its = labelled_shop(kube, env="VARIABLES")
    text = yaml.safe_dump(its).replace("VARIABLES", "{{ toJson .Values.env }}")
    (path / "templates" / "shop.yaml").write_text(text)
    return path


def variables(**values: str) -> str:
    return "--set-json=env=" + json.dumps([{"name": name, "value": value} for name, value in values.items()])


@pytest.mark.parametrize("helm", ["helm", "helm4"])
def test_helm_upgrade(kube: Kube, operating: Operating, tmp_path: Path, helm: str) -> None:
    """An upgrade keeps the injection, and sets an injected variable without a conflict, with Helm 3 and 4."""
    path = str(chart(kube, tmp_path / "chart"))
    with operating():
        kube.run(helm, "install", "shop", path, variables(A="1"))
        wait_for_state(kube, "Injected")
        injected = set(env(kube))
        kube.run(helm, "upgrade", "shop", path, variables(A="2"))
        assert injected == set(env(kube))
        kube.run(helm, "upgrade", "shop", path, variables(A="2", OTEL_SERVICE_NAME="mine"))
        wait_until_skipped(kube)
        assert "mine" == env(kube)["OTEL_SERVICE_NAME"]
        kube.run(helm, "upgrade", "shop", path, variables(A="2"))
        poll_until(lambda: env(kube).get("OTEL_SERVICE_NAME") == "shop", "without the user's the operator's is back")
        kube.run(helm, "uninstall", "shop")


def test_replaced_deployment_is_injected_again(kube: Kube, operating: Operating) -> None:
    """`kubectl replace` removes the injection, and it comes back."""
    its = labelled_shop(kube)
    kube.apply(its)
    with operating():
        wait_for_state(kube, "Injected")
        kube("replace", "-f", "-", stdin=json.dumps(its))
        poll_until(lambda: "OTEL_SERVICE_NAME" in env(kube), "it is injected again")


def without_bookkeeping(its: Object, name: str) -> Object:
    """Return a Deployment as users save and rename it."""
    copy = deepcopy(its)
    copy["metadata"] = {"name": name, "namespace": its["metadata"]["namespace"], "labels": its["metadata"]["labels"]}
    del copy["status"]
    for labels in (copy["spec"]["selector"]["matchLabels"], copy["spec"]["template"]["metadata"]["labels"]):
        labels["app"] = name
    return copy


def test_copy_gets_an_identity_of_its_own(kube: Kube, operating: Operating) -> None:
    """`kubectl get -o yaml`, renamed, `kubectl create`: own service name; clean when its label is removed."""
    kube.apply(labelled_shop(kube, env=OWN))
    with operating():
        wait_for_state(kube, "Injected")
        copy = without_bookkeeping(kube.get("deployment/shop"), "copy")
        kube("create", "-f", "-", stdin=json.dumps(copy))
        poll_until(lambda: env(kube, "copy")["OTEL_SERVICE_NAME"] == "copy", "the copy has its own name")
        assert "shop" == env(kube)["OTEL_SERVICE_NAME"]
        wait_for_state(kube, "Injected", "copy")
        unlabel(kube, "copy")
        wait_for_state(kube, None, "copy")
    assert {"A": "1"} == env(kube, "copy")


def test_backup_and_restore(kube: Kube, operating: Operating) -> None:
    """A Deployment that is deleted and created again from a backup is injected, and clean without its label."""
    kube.apply(labelled_shop(kube, env=OWN))
    with operating():
        wait_for_state(kube, "Injected")
        backup = without_bookkeeping(kube.get("deployment/shop"), "shop")
        kube("delete", "deployment", "shop")
        kube("create", "-f", "-", stdin=json.dumps(backup))
        wait_for_state(kube, "Injected")
        unlabel(kube)
        poll_until(lambda: env(kube) == {"A": "1"}, "nothing of the injection is left")


@pytest.mark.parametrize("attempt", range(5))
@pytest.mark.parametrize("order", ["entry first", "label first"])
@pytest.mark.parametrize("by_namespace", [False, True])
def test_no_entry_is_lost(kube: Kube, operating: Operating, order: str, attempt: int, *, by_namespace: bool) -> None:
    """An entry set right before or after the label is removed survives, whichever label it is."""
    what = f"namespace/{kube.namespace}" if by_namespace else "deployment/shop"
    kube.apply(shop(kube))
    commands = [
        ["set", "env", "deployment/shop", f"OTEL_SERVICE_NAME=mine-{attempt}"],
        ["label", what, "spanloom.dev/inject-"],
    ]
    with operating(whole_cluster=by_namespace):
        kube("label", what, "spanloom.dev/inject=true")
        wait_for_state(kube, "Injected")
        for command in commands if order == "entry first" else reversed(commands):
            kube(*command)
        wait_for_state(kube, None)
    assert {"OTEL_SERVICE_NAME": f"mine-{attempt}"} == env(kube)
