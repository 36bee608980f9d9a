"""Charts as a release publishes them: `helm package --version --app-version`, then rendered from the package."""

from __future__ import annotations

import os
import subprocess
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from charts.rendering import HELM, ROOT, containers, pods_of, require, template

if TYPE_CHECKING:
    from pathlib import Path

OWN = {"users-api", "users-db-service", "spanloom-operator"}
SECRET = "--set=postgres.existingSecret=demo-postgres"
MIRROR = "registry.example.org/mirror"


def _package(helm: str, folder: Path, chart: str = "spanloom") -> Path:
    command = [
        require(helm),
        "package",
        str(HELM / chart),
        "--version=1.2.3",
        "--app-version=1.2.3",
        f"--destination={folder}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (package,) = folder.glob("*.tgz")
    return package


def _objects(helm: str, package: Path, *arguments: str) -> list[dict[str, Any]]:
    done = template(package, *arguments, helm=helm)
    assert done.returncode == 0, done.stderr
    return [item for item in yaml.safe_load_all(done.stdout) if item]


def _images(objects: list[dict[str, Any]]) -> set[str]:
    return {container["image"] for pod in pods_of(objects) for container in containers(pod)}


@pytest.mark.parametrize("helm", ["helm", "helm4"])
def test_a_release_has_one_version(helm: str, tmp_path: Path) -> None:
    """The project's own images and the labels have the version of the release, other images keep theirs."""
    objects = _objects(helm, _package(helm, tmp_path), SECRET)
    assert {f"{image}:1.2.3" for image in OWN} | {
        "jaegertracing/jaeger:2.13.0",
        "otel/opentelemetry-collector-contrib:0.155.0",
        "postgres:17",
        "prom/prometheus:v3.16.0",
        "python:3.13-slim",
        "victoriametrics/victoria-logs:v1.52.1",
    } == _images(objects)
    versions = {
        item["metadata"]["labels"]["app.kubernetes.io/version"]
        for item in objects
        if item["metadata"]["labels"]["app.kubernetes.io/name"] in {"users-api", "operator"}
    }
    assert {"1.2.3"} == versions


@pytest.mark.parametrize("chart", ["users", "operator"])
def test_a_part_is_packaged_alone(chart: str, tmp_path: Path) -> None:
    """The images of a separately packaged chart have the version of its package."""
    objects = _objects("helm", _package("helm", tmp_path, chart))
    assert {"1.2.3"} == {image.split(":")[1] for image in _images(objects)}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Package every chart as the release workflow does."""
    require("helm")
    folder = tmp_path_factory.mktemp("published")
    environment = os.environ | {"SOURCE": "https://git.example.org/spanloom"}
    command = [ROOT / "deploy" / "package", "1.2.3", "registry.example.org/spanloom", folder]
    subprocess.run(command, env=environment, check=True)
    return folder


def test_published_charts_use_the_releases_registry(published: Path) -> None:
    """The project's own images come from the registry of the release, in every chart."""
    own = {f"registry.example.org/spanloom/{image}:1.2.3" for image in OWN}
    assert own <= _images(_objects("helm", published / "spanloom-1.2.3.tgz", SECRET))
    users = _images(_objects("helm", published / "spanloom-users-1.2.3.tgz"))
    assert users == {image for image in own if "users" in image}


def test_published_charts_contain_what_they_link(published: Path) -> None:
    """Files that a chart links from outside of it are whole in its package."""
    with tarfile.open(published / "spanloom-users-1.2.3.tgz") as package:
        for name in ("load.py", "breakages/table.json", "breakages/users_api.py", "breakages/users_db.py"):
            member = package.extractfile(f"spanloom-users/files/{name}")
            assert member is not None
            assert (ROOT / "deploy/local/src/spanloom_local" / name).read_bytes() == member.read()


def test_published_charts_have_version_and_source(published: Path) -> None:
    """Every chart is published with the version of the release and its repository as a source."""
    names = sorted(path.name for path in published.iterdir())
    parts = ["jaeger", "otel-collector", "postgres", "prometheus", "spanloom", "spanloom-operator", "spanloom-users"]
    parts.append("victoria-logs")
    assert [f"{name}-1.2.3.tgz" for name in parts] == names
    for package in published.iterdir():
        shown = subprocess.check_output([require("helm"), "show", "chart", package], text=True)
        chart = yaml.safe_load(shown)
        assert {"1.2.3"} == {chart["version"], *(part["version"] for part in chart["dependencies"])}
        assert "https://git.example.org/spanloom" in chart["sources"]


@pytest.mark.parametrize("helm", ["helm", "helm4"])
def test_one_registry_and_one_pull_secret_for_every_pod(helm: str, tmp_path: Path) -> None:
    """global.imageRegistry and global.imagePullSecrets apply to every pod: workloads, Jobs, CronJobs, helm test."""
    values = [
        f"--set=global.imageRegistry={MIRROR}",
        "--set=global.imagePullSecrets={mirror}",
        "--set=jaeger.storage.type=opensearch,jaeger.storage.addresses={http://search:9200}",
    ]
    objects = _objects(helm, _package(helm, tmp_path), SECRET, *values)
    assert [] == [image for image in _images(objects) if not image.startswith(f"{MIRROR}/")]
    assert 15 <= len(pods_of(objects))
    assert [[{"name": "mirror"}]] * len(pods_of(objects)) == [
        pod["spec"]["imagePullSecrets"] for pod in pods_of(objects)
    ]


@pytest.mark.parametrize(
    ("repository", "registry", "expected"),
    [
        ("jaegertracing/jaeger", "", f"{MIRROR}/jaegertracing/jaeger:2.13.0"),
        ("quay.io/jaegertracing/jaeger", "", f"{MIRROR}/jaegertracing/jaeger:2.13.0"),
        ("registry.example.org:5000/jaeger", "", f"{MIRROR}/jaeger:2.13.0"),
        ("jaegertracing/jaeger", "quay.io", f"{MIRROR}/jaegertracing/jaeger:2.13.0"),
    ],
)
def test_the_global_registry_replaces_others(repository: str, registry: str, expected: str) -> None:
    """The global registry replaces `registry`, and the beginning of `repository`."""
    values = f"--set=image.repository={repository},image.registry={registry},global.imageRegistry={MIRROR}"
    done = template(HELM / "jaeger", values)
    assert expected in _images([item for item in yaml.safe_load_all(done.stdout) if item])


def test_a_registry_of_one_image() -> None:
    """`image.registry` precedes the repository."""
    done = template(HELM / "jaeger", "--set=image.registry=quay.io")
    assert "quay.io/jaegertracing/jaeger:2.13.0" in _images([item for item in yaml.safe_load_all(done.stdout) if item])


def test_the_database_image_of_cloudnativepg() -> None:
    """The image of a Cluster comes from the mirror, with its pull secret."""
    done = template(
        HELM / "postgres", f"--set=mode=cnpg,global.imageRegistry={MIRROR}", "--set=global.imagePullSecrets={mirror}"
    )
    (cluster,) = [item for item in yaml.safe_load_all(done.stdout) if item and item["kind"] == "Cluster"]
    assert f"{MIRROR}/cloudnative-pg/postgresql:17" == cluster["spec"]["imageName"]
    assert [{"name": "mirror"}] == cluster["spec"]["imagePullSecrets"]
