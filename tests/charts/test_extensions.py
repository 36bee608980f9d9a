"""The extension points of every chart, by its case `extended`."""

from __future__ import annotations

import re

import pytest
import yaml
from charts.rendering import ROOT, Case, cases, containers, named, objects, of_kind, pod_templates

EXTENDED = [case for case in cases() if case.name == "extended"]
(PRODUCTION,) = (case for case in cases() if case.name == "production")
EACH = pytest.mark.parametrize("case", EXTENDED, ids=str)
UNITS = {"m": 1e-3, "Mi": 2**20, "Gi": 2**30, "": 1.0}


def _workloads(case: Case) -> list[dict[str, object]]:
    return [item["spec"]["template"]["spec"] for item in of_kind(case, "Deployment", "StatefulSet")]


@EACH
def test_every_pod_has_the_settings(case: Case) -> None:
    """Every pod, also of helm test, has the labels, annotations, node selector, pull secrets and registry."""
    for pod in pod_templates(case):
        meta, spec = pod["metadata"], pod["spec"]
        assert "observability" == meta["labels"]["example.org/team"]
        assert {"example.org/release": "demo", "prometheus.io/scrape": "false"}.items() <= meta["annotations"].items()
        assert {"kubernetes.io/os": "linux"} == spec["nodeSelector"]
        assert [{"name": "other"}, {"name": "mirror"}] == spec["imagePullSecrets"]
        assert {True} == {container["image"].startswith("mirror.example.org/") for container in containers(pod)}
        assert not {"runAsUser", "runAsGroup", "fsGroup"} & spec["securityContext"].keys()


@EACH
def test_workloads_get_the_additions(case: Case) -> None:
    """Every workload has the variables, volumes, mounts and containers once; the user's variable wins."""
    assert _workloads(case)
    for spec in _workloads(case):
        (main, beside) = spec["containers"]  # type: ignore[misc]
        assert "beside" == beside["name"]
        names = [variable["name"] for variable in main["env"]]
        assert len(names) == len(set(names))
        assert {"name": "HTTPS_PROXY", "value": "http://demo-proxy:3128"} in main["env"]
        assert {"name": "GOMEMLIMIT", "value": "300MiB"} in main["env"]
        assert {"configMapRef": {"name": "settings"}} in main["envFrom"]
        assert {"name": "scratch", "mountPath": "/scratch"} in main["volumeMounts"]
        assert {"name": "scratch", "emptyDir": {}} in spec["volumes"]  # type: ignore[operator]


@EACH
def test_annotations_and_accounts(case: Case) -> None:
    """Services have the annotation; a named ServiceAccount replaces those of the chart."""
    assert all(item["metadata"]["annotations"]["example.org/pool"] == "private" for item in of_kind(case, "Service"))
    assert "mine" in {pod["spec"].get("serviceAccountName") for pod in pod_templates(case)}
    assert "mine" not in {item["metadata"]["name"] for item in of_kind(case, "ServiceAccount")}


@EACH
def test_extra_objects_are_rendered(case: Case) -> None:
    """Extra objects are rendered, given as maps or as text."""
    names = {item["metadata"]["name"] for item in objects(case)}
    assert {"demo-extra", "demo-text"} <= names


@EACH
def test_pods_of_helm_test_have_the_resources_given(case: Case) -> None:
    """The pods of helm test have the resources of `test.resources`, so that a quota can be satisfied."""
    tests = [pod for pod in pod_templates(case) if pod["metadata"].get("annotations", {}).get("helm.sh/hook")]
    assert tests
    assert {"100m"} == {container["resources"]["limits"]["cpu"] for pod in tests for container in containers(pod)}


@pytest.mark.parametrize(
    ("part", "path", "expected"),
    [
        ("otel-collector", ("processors", "memory_limiter", "limit_percentage"), 70),
        ("jaeger", ("service", "telemetry", "metrics", "level"), "none"),
        ("prometheus", ("global", "external_labels", "cluster"), "one"),
    ],
)
def test_a_configuration_is_merged(part: str, path: tuple[str, ...], expected: object) -> None:
    """`config` replaces the keys that it contains and keeps all others."""
    (case,) = (case for case in EXTENDED if case.chart == part)
    (plain,) = (case for case in cases() if str(case) == f"{part}-default")
    merged, generated = (
        yaml.safe_load(next(iter(named(each, "ConfigMap", f"demo-{part}")["data"].values()))) for each in (case, plain)
    )
    found = merged
    for key in path:
        found = found[key]
    assert expected == found
    assert generated.keys() <= merged.keys()


def test_the_header_of_production_is_right() -> None:
    """The CPU and memory requests in the header are those of the rendered pods."""
    scaled = {
        item["spec"]["scaleTargetRef"]["name"]: (item["spec"]["minReplicas"], item["spec"]["maxReplicas"])
        for item in of_kind(PRODUCTION, "HorizontalPodAutoscaler")
    }
    totals = {(resource, bound): 0.0 for resource in ("cpu", "memory") for bound in (0, 1)}
    for item in of_kind(PRODUCTION, "Deployment", "StatefulSet", "Cluster"):
        spec = item["spec"]
        fixed = spec.get("replicas", spec.get("instances", 1))
        replicas = scaled.get(item["metadata"]["name"], (fixed, fixed))
        pods = [spec] if item["kind"] == "Cluster" else spec["template"]["spec"]["containers"]
        for resource, bound in totals:
            totals[resource, bound] += replicas[bound] * sum(
                _number(pod["resources"]["requests"][resource]) for pod in pods
            )
    expected = "# Resources: {:.1f} CPU and {:.1f} GiB requested, at most {:.1f} CPU and {:.1f} GiB;".format(
        totals["cpu", 0], totals["memory", 0] / 2**30, totals["cpu", 1], totals["memory", 1] / 2**30
    )
    assert expected in (ROOT / "deploy" / "values" / "production.yaml").read_text()


def _number(quantity: str) -> float:
    (number, unit) = re.fullmatch(r"([0-9.]+)(\w*)", quantity).groups()  # type: ignore[union-attr]
    return float(number) * UNITS[unit]
