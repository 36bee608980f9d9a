"""Several installations of the operator in one cluster: each has its own fields, and one looks after a namespace."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from e2e.operator.shop import env, generation, label, labelled_shop, profile, shop, unlabel
from support.cluster.kube import injection, visible_fields, wait_for_state
from support.cluster.operator_process import operator_process, scope_settings
from support.polling import poll_until

from spanloom_operator.kinds import DEPLOYMENT
from spanloom_operator.kube import paths
from spanloom_operator.kube.client import Client
from spanloom_operator.names import field_manager

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.cluster.kube import Kube, Object
    from support.cluster.operator_process import OperatorProcess

    Installed = Callable[..., OperatorProcess]


@pytest.fixture
def installed(home: Kube, account: Path, tmp_path: Path) -> Callable[..., OperatorProcess]:
    """Return a function that runs an installation of this name until the test ends."""
    with ExitStack() as stack:

        def run(name: str, **settings: str) -> OperatorProcess:
            given = {"NAMESPACE": home.namespace, "NAME": name, **settings}
            return stack.enter_context(operator_process(account, tmp_path / f"{name}.log", **given))

        yield run  # type: ignore[misc]


def managers(kube: Kube) -> set[str]:
    """Return the field managers of the operator on the Deployment."""
    entries = kube.get("deployment/shop")["metadata"]["managedFields"]
    return {entry["manager"] for entry in entries if entry["manager"].startswith("spanloom")}


def test_second_one_for_the_cluster_stands_by(kube: Kube, home: Kube, installed: Installed) -> None:
    """It says so in one line, writes nothing, and the first one's injection has one generation."""
    kube.apply(labelled_shop(kube))
    installed("first")
    wait_for_state(kube, "Injected")
    second = installed("second")
    expected = (
        f"installation {home.namespace}/first looks after this cluster; this one, {home.namespace}/second, stands"
    )
    poll_until(lambda: expected in second.log.read_text(), "it says that it stands by")
    kube.apply(profile(kube, sampler={"type": "always_off"}))
    poll_until(lambda: "OTEL_TRACES_SAMPLER" in env(kube), "the first one applies the profile")
    assert (3, {field_manager(f"{home.namespace}/first")}) == (generation(kube), managers(kube))
    assert 1 == second.log.read_text().count("stands by")


def test_namespaces_come_before_the_cluster(kube: Kube, home: Kube, installed: Installed) -> None:
    """The cluster's installation leaves a namespace to another one, and they do not fight over it."""
    kube.apply(labelled_shop(kube))
    installed("whole")
    wait_for_state(kube, "Injected")
    settings = scope_settings(home, kube)
    installed("some", **settings)
    poll_until(lambda: managers(kube) == {field_manager(f"{home.namespace}/some")}, "it has changed hands", 90)
    poll_until(lambda: injection(kube).get("installation") == f"{home.namespace}/some", "and the record says so", 30)
    assert "OTEL_SERVICE_NAME" in env(kube)
    generations = generation(kube)
    kube("label", "deployment/shop", "touched=1")
    kube.apply(shop(kube, name="later"))
    label(kube, "later")
    wait_for_state(kube, "Injected", "later")
    assert (generations, 2) == (generation(kube), generation(kube, "later"))


def test_uninstalled_one_leaves_the_others_injections(
    kube: Kube, home: Kube, account: Path, installed: Installed
) -> None:
    """The cleanup of one installation removes what is its own, and nothing of another's."""
    kube.apply(labelled_shop(kube))
    scope_settings(home, kube)  # the rights to the namespace's Lease
    installed("mine")
    wait_for_state(kube, "Injected")
    before = visible_fields(kube)
    arguments = ["cleanup", "--namespaces", kube.namespace, "--installation"]
    assert "" == kube.cli(*arguments, f"{home.namespace}/other", kubeconfig=account)
    assert before == visible_fields(kube)
    assert "withdrawn" in kube.cli(*arguments, f"{home.namespace}/mine", kubeconfig=account)


async def apply_as(manager: str, kube: Kube, body: Object) -> None:
    """Apply server-side; kubectl would move the fields of its client-side apply to this manager, too."""
    async with Client() as api:
        await api.apply(paths.workloads(DEPLOYMENT, kube.namespace, "shop"), body, manager)


def test_upgrade_from_an_earlier_version(kube: Kube, installed: Installed) -> None:
    """Entries and annotation of the field manager of versions up to 0.1 are taken over in one rollout."""
    kube.apply(shop(kube))
    old = shop(kube)
    entry = {"name": "OTEL_SERVICE_NAME", "value": "shop"}
    body = {key: old[key] for key in ("apiVersion", "kind")} | {
        "metadata": {"name": "shop", "annotations": {"spanloom.dev/status": '{"state": "Injected"}'}},
        "spec": {"template": {"spec": {"containers": [{"name": "app", "env": [entry]}]}}},
    }
    asyncio.run(apply_as("spanloom", kube, body))
    label(kube)
    installed("new")
    wait_for_state(kube, "Injected")
    assert "spanloom.dev/status" not in kube.get("deployment/shop")["metadata"].get("annotations", {})
    assert (1, 4) == (len(managers(kube)), generation(kube))  # a Deployment's generation counts annotations, too
    unlabel(kube)
    wait_for_state(kube, None)
    assert {} == env(kube)
