"""The exact rights of each ServiceAccount of the charts. Those of the operator are tested by its own suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from charts.rendering import Case, cases, cases_with, objects, of_kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from charts.rendering import Object

READ = ("get", "list", "watch")
NOTHING: frozenset[tuple[str, str, str]] = frozenset()
# By the account's label: scope, resource, verbs. k8s_attributes reads the sending pods of all namespaces, Prometheus
# the pods that it scrapes.
RIGHTS = {
    "users-api": NOTHING,
    "users-db-service": NOTHING,
    "users-load": NOTHING,
    "postgres": NOTHING,
    "jaeger": NOTHING,
    "jaeger-index-cleaner": NOTHING,
    "prometheus": {("own", "pods", verb) for verb in READ},
    "victoria-logs": NOTHING,
    "otel-collector-logs": {("cluster", resource, verb) for resource in ("pods", "namespaces") for verb in READ},
    "otel-collector": {("cluster", resource, verb) for resource in ("pods", "namespaces") for verb in READ},
}
# Where the lines of injected workloads are left out, the labels of workloads are read, too.
LABELS = {
    ("cluster", f"{kind}.apps", verb)
    for kind in ("deployments", "replicasets", "statefulsets", "daemonsets")
    for verb in READ
}
# Where Events are recorded, they are read in the namespaces of the values.
EVENTS = {("shop", "events", verb) for verb in READ}
# Rights on the operator's resources, aggregated to the roles of Kubernetes.
USERS = {
    "aggregate-to-view": {(kind, verb) for kind in ("otelprofiles", "otelinjections") for verb in READ},
    "aggregate-to-edit": {
        ("otelprofiles", verb) for verb in ("create", "update", "patch", "delete", "deletecollection")
    },
}
AGGREGATE = "rbac.authorization.k8s.io/"
OPERATORS = ("operator", "operator-cleanup", "operator-test")


@pytest.mark.parametrize("case", cases(), ids=str)
def test_rights_of_every_account(case: Case) -> None:
    """Each account has the rights of the table and no others, by any binding; no group or user has any."""
    accounts = {item["metadata"]["name"]: _label(item) for item in of_kind(case, "ServiceAccount")}
    accounts = {name: label for name, label in accounts.items() if label not in OPERATORS}
    assert {name: _expected(case, label) for name, label in accounts.items()} == {
        name: set(_rights(case, name)) for name in accounts
    }
    kinds = {subject["kind"] for binding in _bindings(case) for subject in binding["subjects"]}
    assert kinds <= {"ServiceAccount"}


def test_every_account_of_the_table_exists() -> None:
    """Every row of the table is an account of a case."""
    labels = {_label(item) for case in cases() for item in of_kind(case, "ServiceAccount")}
    assert set(RIGHTS) == labels - set(OPERATORS)


@pytest.mark.parametrize("case", cases_with("operator"), ids=str)
def test_rights_of_users(case: Case) -> None:
    """`view` reads profiles and injections, `edit` writes profiles, and neither anything else."""
    found = {
        label.removeprefix(AGGREGATE): {
            (resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]
        }
        for role in of_kind(case, "ClusterRole")
        for label in role["metadata"]["labels"]
        if label.startswith(AGGREGATE)
    }
    assert (USERS if case.name != "namespaced" else {}) == found


def _expected(case: Case, label: str) -> frozenset[tuple[str, str, str]] | set[tuple[str, str, str]]:
    leaves_out = any("spanloom.dev/inject" in str(item.get("data")) for item in of_kind(case, "ConfigMap"))
    has_events = any("k8s_events" in str(item.get("data")) for item in of_kind(case, "ConfigMap"))
    return (
        RIGHTS[label]
        | (LABELS if label == "otel-collector-logs" and leaves_out else NOTHING)
        | (EVENTS if label == "otel-collector" and has_events else NOTHING)
    )


def _rights(case: Case, account: str) -> Iterator[tuple[str, str, str]]:
    for binding in _bindings(case):
        if any(subject["name"] == account for subject in binding["subjects"]):
            where = (
                "cluster" if binding["kind"] == "ClusterRoleBinding" else binding["metadata"].get("namespace", "own")
            )
            for rule in _role(case, binding["roleRef"])["rules"]:
                resources = [*rule.get("resources", []), *rule.get("nonResourceURLs", [])]
                yield from ((where, _named(rule, resource), verb) for resource in resources for verb in rule["verbs"])


def _bindings(case: Case) -> list[Object]:
    return of_kind(case, "ClusterRoleBinding", "RoleBinding")


def _role(case: Case, reference: Object) -> Object:
    """Return the role; ValueError if the chart does not contain it, such as a built-in role."""
    (role,) = (
        item
        for item in objects(case)
        if (item["kind"], item["metadata"]["name"]) == (reference["kind"], reference["name"])
    )
    return role


def _named(rule: Object, resource: str) -> str:
    groups = [group for group in rule.get("apiGroups", [""]) if group]
    return ".".join([resource, *groups])


def _label(item: Object) -> str:
    label: str = item["metadata"]["labels"]["app.kubernetes.io/name"]
    return label
