"""skaffold.yaml holds to the charts: what it builds, sets, forwards and reads exists there."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
import yaml
from charts.rendering import HELM, ROOT, need

SKAFFOLD: dict[str, Any] = yaml.safe_load((ROOT / "skaffold.yaml").read_text())
(RELEASE,) = SKAFFOLD["deploy"]["helm"]["releases"]
IMAGES = [artifact["image"] for artifact in SKAFFOLD["build"]["artifacts"]]
PROFILES = {profile["name"]: profile for profile in SKAFFOLD["profiles"]}
SECTIONS = {"apiVersion", "kind", "metadata", "build", "deploy", "portForward", "verify", "profiles"}
BUILT = [image for image in IMAGES if image != "spanloom-local"]  # what verify runs is not installed


def _rendered(*arguments: str) -> list[dict[str, Any]]:
    """Render the release as skaffold would, each image's name and tag in place of its template."""
    pairs = [
        f"--set={key}={_image(value) if key.endswith('repository') else 'built'}"
        for key, value in RELEASE["setValueTemplates"].items()
    ]
    chart = [RELEASE["name"], str(ROOT / RELEASE["chartPath"]), f"--namespace={RELEASE['namespace']}"]
    command = [need("helm"), "template", *chart, "--kube-version=1.34.0", *pairs, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [item for item in yaml.safe_load_all(done.stdout) if item]


def _image(template: str) -> str:
    """`{{.IMAGE_REPO_users_api}}` is the repository of users-api."""
    return template.strip("{}").removeprefix(".IMAGE_REPO_").removeprefix(".IMAGE_TAG_").replace("_", "-")


def _containers(items: list[dict[str, Any]]) -> set[str]:
    pods = [item["spec"]["template"]["spec"] for item in items if item["kind"] in ("Deployment", "StatefulSet")]
    return {container["image"] for pod in pods for container in pod["containers"]}


def _values_files(profile: dict[str, Any]) -> list[str]:
    return [file for patch in profile["patches"] if "valuesFiles" in patch["path"] for file in patch["value"]]


def test_sections() -> None:
    """The file is of the newest schema and has no section that the schema lacks."""
    assert ("skaffold/v4beta14", "Config") == (SKAFFOLD["apiVersion"], SKAFFOLD["kind"])
    assert SECTIONS == SKAFFOLD.keys()


def test_artifacts_are_built_from_the_one_dockerfile() -> None:
    """Each artifact is a member that has a stage in deploy/Dockerfile."""
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    for artifact in SKAFFOLD["build"]["artifacts"]:
        assert {"dockerfile": "deploy/Dockerfile", "buildArgs": {"MEMBER": artifact["image"]}} == artifact["docker"]
        assert f"FROM runtime AS {artifact['image']}\n" in dockerfile


def test_what_is_built_is_installed() -> None:
    """The values that are set are known to the charts, and put every built image in place of the default."""
    default = yaml.safe_load((HELM / "spanloom" / "Chart.yaml").read_text())["appVersion"]
    images = _containers(_rendered())
    assert {f"{image}:built" for image in BUILT} <= images
    assert not {f"{image}:{default}" for image in BUILT} & images


@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_are_accepted(profile: str) -> None:
    """A profile's values exist and the charts accept them."""
    (file,) = _values_files(PROFILES[profile])
    assert _rendered(f"--values={ROOT / file}")


def test_forwards_lead_somewhere() -> None:
    """Each port-forward names a Service of the release and a port of it."""
    services = {
        (item["metadata"]["name"], port["port"])
        for item in _rendered()
        if item["kind"] == "Service"
        for port in item["spec"]["ports"]
    }
    assert {(forward["resourceName"], forward["port"]) for forward in SKAFFOLD["portForward"]} <= services
    assert {RELEASE["namespace"]} == {forward["namespace"] for forward in SKAFFOLD["portForward"]}


def test_verify_may_ask_jaeger() -> None:
    """The Job of `verify` runs a built image, under labels that Jaeger's policy lets in, as a restricted pod."""
    (test,) = SKAFFOLD["verify"]
    job = yaml.safe_load((ROOT / test["executionMode"]["kubernetesCluster"]["jobManifestPath"]).read_text())
    policies = {item["metadata"]["name"]: item["spec"] for item in _rendered() if item["kind"] == "NetworkPolicy"}
    query = [rule for rule in policies["spanloom-jaeger"]["ingress"] if "users-test" in str(rule)]
    assert test["container"]["image"] in IMAGES
    assert "users-test" == job["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"]
    assert query
    assert job["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"] is True
