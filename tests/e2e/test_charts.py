"""Single charts on a real cluster: `lookup`, kept and refused values, and recovery."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from support.cluster.kube import is_ready
from support.cluster.namespaces import new_namespace
from support.paths import ROOT
from support.polling import poll_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.cluster.kube import Kube

pytestmark = pytest.mark.timeout(400)

HELM = ROOT / "helm"
QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "all"},
    "spec": {"hard": {"requests.cpu": "1", "requests.memory": "1Gi", "limits.cpu": "2", "limits.memory": "2Gi"}},
}
LIMITS = "resources.limits.cpu=200m,test.resources.limits.cpu=100m"


@pytest.fixture
def kube() -> Iterator[Kube]:
    """Create a namespace that enforces Pod Security `restricted`."""
    with new_namespace("charts") as mine:
        yield mine


def helm(kube: Kube, verb: str, chart: str, *values: str, wait: bool = True, succeeds: bool = True) -> str:
    """Install or upgrade a chart as a release of its own name; return Helm's output."""
    waiting = ["--wait", "--timeout=3m"] if wait else []
    settings = [f"--set={value}" for value in values]
    return kube.run("helm", verb, chart, str(HELM / chart), *waiting, *settings, succeeds=succeeds)


def helm_test(kube: Kube, chart: str) -> str:
    """Run `helm test --logs` and return its output."""
    return kube.run("helm", "test", chart, "--logs", "--timeout=3m")


def secret(kube: Kube, name: str) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in kube.get(f"secret/{name}")["data"].items()}


def test_passwords_are_kept(kube: Kube) -> None:
    """Generated passwords and the data survive an upgrade, an uninstallation and a reinstallation."""
    helm(kube, "install", "postgres")
    made = secret(kube, "postgres-postgres")
    helm(kube, "upgrade", "postgres", "parameters.work_mem=8MB")
    assert made == secret(kube, "postgres-postgres")
    kube.run("helm", "uninstall", "postgres", "--wait")
    helm(kube, "install", "postgres")
    assert made == secret(kube, "postgres-postgres")
    assert "BEGIN" in helm_test(kube, "postgres")


def test_reserved_words_are_names(kube: Kube) -> None:
    """A role and a database may have reserved words of SQL as names, and no log contains their passwords."""
    helm(kube, "install", "postgres", "username=user", "database=order")
    assert " user " in helm_test(kube, "postgres")
    logs = kube("logs", "statefulset/postgres-postgres", "--all-containers")
    assert [] == [key for key, value in secret(kube, "postgres-postgres").items() if value in logs]


def _is_ready(kube: Kube, pod: str) -> bool:
    found = kube("get", "pod", pod, "--ignore-not-found", "--output=json")
    return bool(found) and is_ready(json.loads(found))


def test_a_failed_start_shows_no_password(kube: Kube) -> None:
    """When the database cannot be created, the log contains the reason and not the password."""
    password = "canary-password"
    kube("create", "secret", "generic", "given", f"--from-literal=password={password}")
    helm(kube, "install", "postgres", "existingSecret=given", wait=False)
    poll_until(
        lambda: "the Secret's key postgres-password is empty" in _log(kube, "init"),
        "the init container has failed",
        120,
    )
    assert password not in _log(kube, "init")


def _log(kube: Kube, container: str) -> str:
    try:
        return kube("logs", "postgres-postgres-0", f"--container={container}")
    except AssertionError:  # not there yet
        return ""


def test_an_interrupted_start_leaves_no_partial_database(kube: Kube) -> None:
    """A pod that is force-deleted while it creates its database is followed by one that creates it completely."""
    helm(kube, "install", "postgres", "volume.whenDeleted=Delete", wait=False)
    for _ in range(3):  # killed in the first second or a little later, when the database may be complete
        poll_until(
            lambda: "creating" in _log(kube, "init") or _log(kube, "postgres"), "the database is being created", 120
        )
        kube("delete", "pod", "postgres-postgres-0", "--force", "--grace-period=0")
    poll_until(lambda: _is_ready(kube, "postgres-postgres-0"), "PostgreSQL is ready", 180)
    assert "CREATE TABLE" in helm_test(kube, "postgres")


@pytest.mark.parametrize(
    ("chart", "value"), [("postgres", "volume.size=6Gi"), ("otel-collector", "queue.volume.size=2Gi")]
)
def test_a_changed_volume_size_is_refused(kube: Kube, chart: str, value: str) -> None:
    """The chart explains how to enlarge a volume, instead of the API server's error about StatefulSets."""
    helm(kube, "install", chart, wait=False)
    output = helm(kube, "upgrade", chart, value, wait=False, succeeds=False)
    assert f"delete statefulset {chart}-{chart} --cascade=orphan" in output


@pytest.mark.parametrize(("when_deleted", "kept"), [("Retain", True), ("Delete", False)])
def test_a_changed_storage_type_keeps_the_volume(kube: Kube, when_deleted: str, kept: bool) -> None:
    """From badger to memory, the volume is kept unless `whenDeleted` is Delete."""
    helm(kube, "install", "jaeger", "storage.type=badger", f"storage.volume.whenDeleted={when_deleted}", wait=False)
    helm(kube, "upgrade", "jaeger", "storage.type=memory", f"storage.volume.whenDeleted={when_deleted}", wait=False)
    claims = kube.get("persistentvolumeclaims")["items"]
    assert kept == any("deletionTimestamp" not in claim["metadata"] for claim in claims)


def test_a_changed_retention_in_cassandra_is_refused(kube: Kube) -> None:
    """Tables keep the retention with which they were created; a new keyspace may have another."""
    storage = ["storage.type=cassandra", "storage.addresses={cassandra:9042}"]
    helm(kube, "install", "jaeger", *storage, wait=False)
    output = helm(kube, "upgrade", "jaeger", *storage, "storage.retentionDays=7", wait=False, succeeds=False)
    assert "the tables of keyspace jaeger were created with 2 days" in output
    helm(kube, "upgrade", "jaeger", *storage, "storage.retentionDays=7", "storage.database=other", wait=False)


@pytest.mark.parametrize("chart", ["postgres", "jaeger", "otel-collector", "prometheus", "victoria-logs"])
def test_applying_a_rendered_chart_twice_changes_nothing(kube: Kube, chart: str) -> None:
    """`helm template | kubectl apply`, as Argo CD does, changes nothing the second time."""
    command = ["template", chart, str(HELM / chart), "--skip-tests", "--kube-version=1.34.0"]
    kube("create", "secret", "generic", "given", "--from-literal=password=a", "--from-literal=postgres-password=b")
    given = ["--set=existingSecret=given"] if chart == "postgres" else []
    states = []
    for _ in range(2):
        kube("apply", "-f", "-", stdin=kube.run("helm", *command, *given))
        states.append(_specifications(kube))
    assert states[0] == states[1]
    if chart == "otel-collector":
        kube("delete", "clusterrole,clusterrolebinding", f"{kube.namespace}-{chart}-{chart}")


def _specifications(kube: Kube) -> dict[str, object]:
    """Return the generation of each object, which counts changes of its spec, and its data."""
    kinds = "statefulsets,deployments,networkpolicies,services,serviceaccounts,configmaps,secrets,poddisruptionbudgets"
    items = kube.get(kinds)["items"]
    return {
        f"{item['kind']}/{item['metadata']['name']}": (item["metadata"].get("generation"), item.get("data"))
        for item in items
    }


@pytest.mark.parametrize("chart", ["jaeger", "postgres", "victoria-logs"])
def test_a_quota_with_limits_is_satisfied(kube: Kube, chart: str) -> None:
    """Under a quota that requires limits of every pod, the chart is installed and its test runs."""
    kube.apply(QUOTA)
    helm(kube, "install", chart, LIMITS)
    assert "POD LOGS" in helm_test(kube, chart)


def test_the_secrets_of_production(kube: Kube, tmp_path: Path) -> None:
    """Certificates have the names that clients use, no client gets a private key, a second run changes nothing."""
    with new_namespace("workload") as shop:
        first, second = (_production_secrets(kube, shop) for _ in range(2))
        assert "still missing" in first
        assert f"kept     {kube.namespace}/" in second
        ca = tmp_path / "ca.crt"
        ca.write_text(secret(shop, "telemetry-ca")["ca.crt"])
        for part in ("collector", "jaeger", "prometheus", "victoria-logs"):
            host = {"collector": "otel-collector"}.get(part, part)
            certificate = tmp_path / f"{part}.crt"
            certificate.write_text(secret(kube, f"{part}-tls")["tls.crt"])
            for name in (f"demo-{host}", f"demo-{host}.{kube.namespace}", f"demo-{host}.{kube.namespace}.svc"):
                subprocess.run(["openssl", "verify", "-CAfile", ca, "-verify_hostname", name, certificate], check=True)
        token = secret(kube, "otlp-tokens")["token"]
        assert {"headers": f"authorization=Bearer%20{token}"} == secret(shop, "otlp-tokens")
        names = {item["metadata"]["name"] for item in shop.get("secrets")["items"]}
        assert {"telemetry-ca", "otlp-tokens"} == names


def _production_secrets(kube: Kube, shop: Kube) -> str:
    settings = {"NAMESPACE": kube.namespace, "RELEASE": "demo", "WORKLOADS": shop.namespace}
    command = [ROOT / "deploy" / "production-secrets"]
    return subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=True).stdout
