"""Every chart renders to its reviewed golden files, on Helm 3 and 4, and refuses contradictions."""

from __future__ import annotations

import subprocess

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
from charts.rendering import GOLDEN, HELM, KUBERNETES, Case, cases, objects, render, require, show

# Kinds of operators: the wheel has only the schemas of Kubernetes, and the name of an OtelProfile has a meaning.
CUSTOM = {"postgresql.cnpg.io/v1", "gateway.networking.k8s.io/v1", "spanloom.dev/v1alpha1", "monitoring.coreos.com/v1"}
CUSTOM |= {"perses.dev/v1alpha2"}


@pytest.mark.parametrize("case", cases(), ids=str)
def test_golden(case: Case, pytestconfig: pytest.Config) -> None:
    """A case renders exactly to its golden file; `pytest tests/charts --golden` rewrites it."""
    require("helm")
    if pytestconfig.getoption("--golden", default=False):
        case.golden.parent.mkdir(parents=True, exist_ok=True)
        case.golden.write_text(render(case))
    assert case.golden.read_text() == render(case)


def test_no_golden_is_left_over() -> None:
    """Every golden file belongs to a case."""
    assert sorted(case.golden for case in cases()) == sorted(GOLDEN.rglob("*.yaml"))


@pytest.mark.parametrize("case", cases(), ids=str)
def test_helm_4_renders_the_same_objects(case: Case) -> None:
    """Helm 4 renders the same objects as Helm 3."""
    require("helm4")
    key = lambda item: (item["kind"], item["metadata"]["name"])  # noqa: E731  (the order may differ)
    assert sorted(objects(case), key=key) == sorted(objects(case, "helm4"), key=key)


@pytest.mark.parametrize("helm", ["helm", "helm4"])
@pytest.mark.parametrize("case", cases(), ids=str)
def test_lint(case: Case, helm: str) -> None:
    """`helm lint --strict` reports nothing."""
    command = [require(helm), "lint", "--strict", "--quiet", f"--kube-version={KUBERNETES}", *case.arguments]
    done = subprocess.run([*command, HELM / case.chart], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("case", cases(), ids=str)
def test_kubernetes_schema(case: Case) -> None:
    """Every object is valid against the schemas of Kubernetes."""
    for item in objects(case):
        if item["apiVersion"] not in CUSTOM:
            kubernetes_validate.validate(item, KUBERNETES, strict=True)


@pytest.mark.parametrize("case", cases(), ids=str)
def test_names_and_labels(case: Case) -> None:
    """Every object of Kubernetes is named after its release, and all have the recommended labels."""
    for item in objects(case):
        labels = item["metadata"]["labels"]
        assert item["apiVersion"] in CUSTOM or "demo-" in item["metadata"]["name"], show(item)
        assert labels["app.kubernetes.io/instance"] == "demo", show(item)
        assert labels["app.kubernetes.io/part-of"] == "spanloom", show(item)


REFUSED = {
    "a vendor without its key": ("otel-collector", "vendor.endpoint=https://otlp.example.org", "existingSecret"),
    "a vendor without TLS": ("otel-collector", "vendor.endpoint=http://otlp.example.org", "endpoint"),
    "mTLS without certificates": ("otel-collector", "receivers.tls.verifyClients=true", "existingSecret"),
    "log files without the client certificate of mTLS": (
        "otel-collector",
        "logsCollection.enabled=true,receivers.tls.existingSecret=tls,receivers.tls.verifyClients=true",
        "logsCollection/enabled",
    ),
    "a sampling rate above 1": (
        "jaeger",
        "sampling.strategies.default_strategy.type=probabilistic,sampling.strategies.default_strategy.param=2",
        "param",
    ),
    "a CA without TLS": ("otel-collector", "backends.traces.caSecret=ca", "tls"),
    "TLS by a setting for a URL, which says it": (
        "otel-collector",
        "backends.logs.endpoint=http://logs:9428/insert,backends.logs.tls=true",
        "tls",
    ),
    "a CA for a URL without TLS": (
        "otel-collector",
        "backends.logs.endpoint=http://logs:9428/insert,backends.logs.caSecret=ca",
        "endpoint",
    ),
    "a CA of a store of logs without TLS": (
        "otel-collector",
        "backends.logs.endpoint=logs:4317,backends.logs.caSecret=ca",
        "tls",
    ),
    "a flag of VictoriaLogs that the chart sets": ("victoria-logs", "flags.retentionPeriod=1d", "retentionPeriod"),
    "logs for a disabled VictoriaLogs": (
        "spanloom",
        "victoria-logs.enabled=false,postgres.existingSecret=demo-postgres",
        "otel-collector.backends.logs.endpoint",
    ),
    "a test that queries a disabled VictoriaLogs": (
        "spanloom",
        "victoria-logs.enabled=false,postgres.existingSecret=demo-postgres",
        "users.test.logs",
    ),
    "a test that needs the trace of its log records": ("users", "test.logs=http://logs:9428", "jaeger"),
    "log lines of injected workloads twice": (
        "spanloom",
        "otel-collector.logsCollection.enabled=true,otel-collector.logsCollection.injected=true,postgres.existingSecret=s",
        "would arrive twice: set otel-collector.logsCollection.injected=false",
    ),
    "log lines of injected workloads never": (
        "spanloom",
        "otel-collector.logsCollection.enabled=true,operator.profile.exporters.logs=none,postgres.existingSecret=s",
        "would arrive never: set otel-collector.logsCollection.injected=true",
    ),
    "a directory of the node that is none": ("otel-collector", "logsCollection.hostPath=/", "hostPath"),
    "sampling in two replicas": ("otel-collector", "tailSampling.enabled=true,replicas=2", "replicas"),
    "Events from two replicas": ("otel-collector", "kubernetesEvents.enabled=true,replicas=2", "replicas"),
    "sampling with autoscaling": (
        "otel-collector",
        "tailSampling.enabled=true,autoscaling.enabled=true",
        "autoscaling",
    ),
    "a key in plain text": (
        "otel-collector",
        "backends.metrics.endpoint=http://mimir/api/v1/push,backends.metrics.auth.existingSecret=s",
        "endpoint",
    ),
    "a CA for metrics in plain text": (
        "otel-collector",
        "backends.metrics.endpoint=http://mimir/api/v1/push,backends.metrics.caSecret=s",
        "endpoint",
    ),
    "a backend of metrics without a URL": ("otel-collector", "backends.metrics.endpoint=mimir:9009", "endpoint"),
    "an unknown protocol": ("otel-collector", "backends.metrics.protocol=remote-write", "protocol"),
    "Jaeger's metrics from a CA without TLS": (
        "jaeger",
        "metrics.endpoint=http://prometheus:9090,metrics.caSecret=s",
        "endpoint",
    ),
    "an image tag as digest": ("otel-collector", "image.digest=0.155.0", "digest"),
    "two Jaegers with separate memory": ("jaeger", "replicas=2", "replicas"),
    "a storage without an address": ("jaeger", "storage.type=opensearch", "addresses"),
    "a search storage without a URL": (
        "jaeger",
        "storage.type=opensearch,storage.addresses={search:9200}",
        "addresses",
    ),
    "a public Jaeger": ("jaeger", "ingress.enabled=true,ingress.host=j.example.org", "query"),
    "an ingress without a host": ("jaeger", "ingress.enabled=true", "host"),
    "a route without a gateway": ("jaeger", "httpRoute.enabled=true", "parentRefs"),
    "TLS that ClickHouse's client lacks": (
        "jaeger",
        "storage.type=clickhouse,storage.addresses={ch:9000},storage.tls=true",
        "tls",
    ),
    "a breakage that does not exist": ("users", "breakage=slow", "slow-query"),
    "a load without requests": ("users", "load.requestsPerSecond=0", "requestsPerSecond"),
    "a load without bounds": ("users", "load.requestsPerSecond=101", "requestsPerSecond"),
    "an external database without a host": ("postgres", "mode=external,existingSecret=s", "host"),
    "an external database without a password": ("postgres", "mode=external,external.host=db", "existingSecret"),
    "a name that is not an identifier": ("postgres", "username=users; DROP", "username"),
    "a reserved role of PostgreSQL": ("postgres", "username=pg_users", "username"),
    "an existing database": ("postgres", "database=postgres", "database"),
    "a password that each rendering would generate": ("postgres", "database=users", "existingSecret"),
    "replicas without a data center": (
        "jaeger",
        "storage.type=cassandra,storage.addresses={c:9042},storage.cassandra.replicationFactor=3",
        "datacenter",
    ),
    "a part without a port": ("prometheus", "scrape.parts.shop=metrics", "/scrape/parts/shop"),
    "an Alertmanager by URL": ("prometheus", "alertmanagers={http://alertmanager:9093}", "alertmanagers"),
    "a window without a unit": ("prometheus", "otlp.outOfOrderWindow=12", "outOfOrderWindow"),
    "a label that selects pods": ("jaeger", r"podLabels.app\.kubernetes\.io/name=x", "app.kubernetes.io/name"),
    "traces for a disabled Jaeger": (
        "spanloom",
        "jaeger.enabled=false,postgres.existingSecret=s",
        "otel-collector.backends.traces.endpoint",
    ),
    "metrics for a disabled Prometheus": (
        "spanloom",
        "prometheus.enabled=false,postgres.existingSecret=s",
        "otel-collector.backends.metrics.endpoint is the Prometheus of this release, which is disabled",
    ),
    "metrics for a Prometheus that is elsewhere": (
        "spanloom",
        "prometheus.mode=external,postgres.existingSecret=s",
        "prometheus.mode is external",
    ),
    "a Monitor page of a disabled Prometheus": (
        "spanloom",
        "prometheus.enabled=false,otel-collector.backends.metrics.endpoint=,postgres.existingSecret=s",
        "jaeger.metrics.endpoint",
    ),
    "a test that queries a disabled Jaeger": (
        "spanloom",
        "jaeger.enabled=false,postgres.existingSecret=s",
        "users.test.jaeger",
    ),
    "telemetry that is not configured": (
        "spanloom",
        "operator.enabled=false,postgres.existingSecret=s",
        "users.telemetry.enabled=false",
    ),
    "a profile for a disabled Collector": (
        "spanloom",
        "otel-collector.enabled=false,postgres.existingSecret=s",
        "operator.profile.exporter.endpoint",
    ),
    "operator telemetry for a disabled Collector": (
        "spanloom",
        "otel-collector.enabled=false,postgres.existingSecret=s",
        "operator.telemetry.endpoint",
    ),
    "a disabled database": ("spanloom", "postgres.enabled=false", "users.database.host"),
    "a CA that no profile uses": (
        "spanloom",
        "users.telemetry.caSecret=ca,postgres.existingSecret=s",
        "operator.profile.exporter.tls.ca_file",
    ),
    "a release name too long for a pod's labels": ("jaeger", "global.x=1", "52 characters"),
}


@pytest.mark.parametrize("promise", REFUSED)
def test_contradictions_are_refused(promise: str) -> None:
    """Contradictory or unsafe values are refused, and the message names the value."""
    chart, values, named = REFUSED[promise]
    long = ["--name-template=" + "r" * 50] if "release name" in promise else []
    command = [require("helm"), "template", *(long or ["demo"]), str(HELM / chart), f"--kube-version={KUBERNETES}"]
    done = subprocess.run([*command, f"--set={values}"], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert named in done.stderr
