"""The rights of tenants and of the chart's ServiceAccounts, as the API server enforces them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.cluster.kube import state
from support.cluster.operator_process import ACCOUNT, operator_process, scope_settings
from support.polling import poll_until

from e2e.security.tenants import LABEL, TENANT, shop
from spanloom_operator.kinds import KINDS

if TYPE_CHECKING:
    from pathlib import Path

    from support.cluster.kube import Kube, Object

# Every ServiceAccount of the chart: resource, names if limited to some, verbs; beyond the rights of every account.
MAY = {
    "op-operator": {
        *(f"{kind.resource} [get list watch patch]" for kind in KINDS.values()),
        "configmaps [get]",
        "events [create]",
        "leases.coordination.k8s.io [spanloom-operator] [list]",
        "jobs.batch [list watch]",
        "namespaces [list watch]",
        "otelinjections.spanloom.dev [get list create patch delete]",
        "otelprofiles.spanloom.dev [get list watch]",
        "otelprofiles.spanloom.dev/status [patch]",
        "pods [list watch]",
        "replicasets.apps [list watch]",
    },
    "op-operator-cleanup": {
        *(f"{kind.resource} [get list patch]" for kind in KINDS.values()),
        "leases.coordination.k8s.io [spanloom-operator] [list]",
        "namespaces [list watch]",
        "otelinjections.spanloom.dev [list delete]",
    },
    "op-operator-test": {"deployments.apps [create]", "deployments.apps [op-operator-test] [get patch delete]"},
}


def test_a_profile_of_another_namespace_is_not_used(
    home: Kube, account: Path, tenant_namespace: Kube, other_namespace: Kube, tmp_path: Path
) -> None:
    """A profile applies in its own namespace only, and selecting it elsewhere reveals nothing of its content."""
    tenant_namespace.apply(shop("curious"))
    with operator_process(account, tmp_path / "log", **scope_settings(home, tenant_namespace, other_namespace)):
        tenant_namespace("label", TENANT, "deployment", "curious", f"{LABEL}=other")
        poll_until(
            lambda: state(tenant_namespace, "curious") == "Skipped", "the status says that there is no such profile"
        )
        poll_until(lambda: "Skipped" in tenant_namespace("events", "--for", "deployment/curious"), "there is an Event")
    seen = tenant_namespace("get", "deployments,events,otelprofiles", "-o", "json") + (tmp_path / "log").read_text()
    assert [] == [word for word in ("other-secret", "other-key") if word in seen]
    assert "other-secret" in other_namespace("get", "otelprofiles", "-o", "json")


@pytest.mark.parametrize("what", ["secrets", "otelprofiles"])
def test_the_tenant_reads_no_other_namespace(tenant_namespace: Kube, other_namespace: Kube, what: str) -> None:
    """The API server refuses the tenant the Secrets and profiles of another namespace."""
    assert "forbidden" in other_namespace("get", TENANT, what, succeeds=False)


def rights(kube: Kube, account: str) -> set[str]:
    """Return the rights of a ServiceAccount in a namespace: resource, names and verbs, one line each."""
    who = f"--as=system:serviceaccount:{kube.namespace}:{account}"
    lines = kube("auth", "can-i", "--list", who).splitlines()[1:]
    return {" ".join(line.replace("[]", "").split()) for line in lines if not line.startswith(" ")}


@pytest.mark.parametrize("account", MAY)
def test_accounts_have_exactly_these_rights(home: Kube, account: str) -> None:
    """Roles grant each account of the chart these rights beyond those of every account, and no others."""
    assert MAY[account] == rights(home, account) - rights(home, "default")


def test_every_account_is_in_the_table(home: Kube) -> None:
    """The chart has no other ServiceAccount."""
    accounts = {item["metadata"]["name"] for item in home.get("serviceaccounts")["items"]}
    assert MAY.keys() | {"default"} == accounts


@pytest.mark.parametrize("patch", [{"image": "evil:1"}, {"env": [{"name": "LD_PRELOAD", "value": "/evil.so"}]}])
def test_the_operators_account_writes_only_otel_variables(home: Kube, tenant_namespace: Kube, patch: Object) -> None:
    """The admission policy refuses any other change of a container by the operator's account."""
    tenant_namespace.apply(shop("held"))
    body = {"spec": {"template": {"spec": {"containers": [{"name": "app", **patch}]}}}}
    who = f"--as=system:serviceaccount:{home.namespace}:{ACCOUNT}"
    output = tenant_namespace("patch", who, "deployment", "held", f"--patch={json.dumps(body)}", succeeds=False)
    assert "OTEL_* entries of env" in output
