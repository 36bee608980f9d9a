"""skaffold.yaml agrees with the charts: images, values, port-forwards and files exist."""

from __future__ import annotations

import re
import subprocess
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from charts.rendering import HELM, ROOT, require

if TYPE_CHECKING:
    from collections.abc import Iterator

SKAFFOLD: dict[str, Any] = yaml.safe_load((ROOT / "skaffold.yaml").read_text())
(RELEASE,) = SKAFFOLD["deploy"]["helm"]["releases"]
ARTIFACTS = {artifact["image"]: artifact for artifact in SKAFFOLD["build"]["artifacts"]}
PROFILES = {profile["name"]: profile for profile in SKAFFOLD["profiles"]}
SECTIONS = {"apiVersion", "kind", "metadata", "build", "deploy", "portForward", "verify", "profiles"}
AGENT = "spanloom-agent"  # no member of the workspace; the operator brings its image into workloads
BUILT = [image for image in ARTIFACTS if image not in {"spanloom-local", AGENT}]  # that of verify is not installed
MEMBERS = {
    tomllib.loads(path.read_text())["project"]["name"]: path.parent.relative_to(ROOT)
    for path in [
        *ROOT.glob("services/*/pyproject.toml"),
        ROOT / "operator/pyproject.toml",
        ROOT / "deploy/local/pyproject.toml",
    ]
}
SECRET = "--set=postgres.existingSecret=spanloom-postgres"  # the name of the one that a cluster would store
# verify uses none of the services that spanloom-local contains.
NOT_USED = {"spanloom-local": {"spanloom-users-api", "spanloom-users-db-service"}}


def _rendered(*arguments: str) -> list[dict[str, Any]]:
    """Render the release as skaffold does, with a name and tag for each image template."""
    pairs = [
        f"--set={key}={_image(value) if key.endswith('repository') else 'built'}"
        for key, value in RELEASE["setValueTemplates"].items()
    ]
    chart = [RELEASE["name"], str(ROOT / RELEASE["chartPath"]), f"--namespace={RELEASE['namespace']}"]
    secret = [] if any("production" in argument for argument in arguments) else [SECRET]
    command = [require("helm"), "template", *chart, "--kube-version=1.34.0", *secret, *pairs, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [item for item in yaml.safe_load_all(done.stdout) if item]


def _image(template: str) -> str:
    """Return the image of a template: `{{.IMAGE_REPO_users_api}}` is the repository of users-api."""
    return template.strip("{}").removeprefix(".IMAGE_REPO_").removeprefix(".IMAGE_TAG_").replace("_", "-")


def _containers(items: list[dict[str, Any]]) -> set[str]:
    pods = [item["spec"]["template"]["spec"] for item in items if item["kind"] in ("Deployment", "StatefulSet")]
    return {container["image"] for pod in pods for container in pod["containers"]}


def _release(document: dict[str, Any]) -> dict[str, Any]:
    (release,) = document["deploy"]["helm"]["releases"]
    found: dict[str, Any] = release
    return found


def _with(profile: str) -> dict[str, Any]:
    """Return skaffold.yaml with the patches of a profile applied as skaffold does."""
    patched: dict[str, Any] = _without_empty(SKAFFOLD)
    for patch in PROFILES[profile]["patches"]:
        _apply(patched, patch)
        patched = _without_empty(patched)
    return patched


def _without_empty(value: Any) -> Any:
    """Remove empty values, as skaffold does (omitempty) before it patches its configuration."""
    if isinstance(value, dict):
        return {key: _without_empty(item) for key, item in value.items() if item not in ({}, [], "", None)}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value


def _apply(document: Any, patch: dict[str, Any]) -> None:
    """Apply one operation of RFC 6902; KeyError or IndexError for a missing path, which skaffold refuses."""
    *parents, last = patch["path"].strip("/").split("/")
    for key in parents:
        document = document[int(key) if isinstance(document, list) else key]
    key = int(last) if isinstance(document, list) else last
    if patch["op"] in ("replace", "remove"):
        document[key]
    if patch["op"] == "remove":
        del document[key]
    else:
        document[key] = patch["value"]


def _package(image: str) -> str:
    """Return the name of an image's package, as deploy/Dockerfile makes it."""
    return f"spanloom-{image.removeprefix('spanloom-')}"


def _packages(image: str) -> set[str]:
    """Return the workspace packages of an image: its member and its dependencies, recursively."""
    if image == AGENT:
        return {"spanloom"}
    project = tomllib.loads((ROOT / MEMBERS[image] / "pyproject.toml").read_text())["project"]
    names = {re.match(r"[\w-]+", line)[0] for line in project["dependencies"]} & MEMBERS.keys()  # type: ignore[index]
    return {image}.union(*map(_packages, names))


def _synced(artifact: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each synced Python file with its path in the container."""
    for rule in artifact["sync"]["manual"]:
        for path in ROOT.glob(rule["src"]):
            relative = str(path.relative_to(ROOT))
            assert relative.startswith(rule["strip"])
            yield relative, f"{rule['dest']}/{relative.removeprefix(rule['strip'])}"


def test_sections() -> None:
    """The file has the newest schema version and no section that the schema lacks."""
    assert ("skaffold/v4beta14", "Config") == (SKAFFOLD["apiVersion"], SKAFFOLD["kind"])
    assert SECTIONS == SKAFFOLD.keys()


def test_artifacts_are_built_from_the_one_dockerfile() -> None:
    """Each artifact is built by deploy/image and, but for the agent, is a member with a stage in deploy/Dockerfile."""
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    for image, artifact in ARTIFACTS.items():
        assert f"deploy/image {image}" == artifact["custom"]["buildCommand"]
        assert image == AGENT or f"FROM runtime AS {image}\n" in dockerfile


@pytest.mark.parametrize("image", ARTIFACTS)
def test_artifacts_depend_on_their_own_files(image: str) -> None:
    """An artifact depends on the Dockerfile, the lock file and its own packages, and on no others."""
    contained = {str(MEMBERS[name]) for name in _packages(_package(image)) - NOT_USED.get(image, set())}
    recipe = {"deploy/Dockerfile*", "deploy/image", "pyproject.toml", "uv.lock"}
    assert contained | recipe == set(ARTIFACTS[image]["custom"]["dependencies"]["paths"])
    assert all(list(ROOT.glob(path)) for path in ARTIFACTS[image]["custom"]["dependencies"]["paths"])


@pytest.mark.parametrize("service", ["users-api", "users-db-service"])
def test_the_dev_profile_syncs_python_files(service: str) -> None:
    """Every Python file of a service's packages is synced to the directory that its container watches."""
    profile = _with("dev")
    (artifact,) = [one for one in profile["build"]["artifacts"] if one["image"] == service]
    sources = [path for name in _packages(_package(service)) for path in (ROOT / MEMBERS[name] / "src").rglob("*.py")]
    assert {str(path.relative_to(ROOT)) for path in sources} == {source for source, _ in _synced(artifact)}
    rendered = _rendered(*(f"--values={ROOT / file}" for file in _release(profile)["valuesFiles"]))
    (pod,) = [
        p["spec"]["template"]["spec"]
        for p in rendered
        if (p["kind"], p["metadata"]["name"]) == ("Deployment", f"spanloom-{service}")
    ]
    (container,) = pod["containers"]
    assert {"name": "sync", "mountPath": "/sync"} in container["volumeMounts"]
    assert {"name": "PYTHONPATH", "value": "/sync"} in container["env"]
    packages = {target.split("/")[2] for _, target in _synced(artifact)}
    assert all(f"site-packages/{package} " in container["command"][-1] for package in packages)


def test_built_images_are_installed() -> None:
    """The charts know the values that are set, and every built image replaces its default."""
    default = yaml.safe_load((HELM / "spanloom" / "Chart.yaml").read_text())["appVersion"]
    images = _containers(_rendered())
    assert {f"{image}:built" for image in BUILT} <= images
    assert not {f"{image}:{default}" for image in BUILT} & images
    assert {"name": "SPANLOOM_OPERATOR_AGENT_IMAGE", "value": f"{AGENT}:built"} in _operator_env(_rendered())


def _operator_env(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    [pod] = [item["spec"]["template"]["spec"] for item in items if item["metadata"]["name"] == "spanloom-operator"
             and item["kind"] == "Deployment"]  # fmt: skip
    found: list[dict[str, Any]] = pod["containers"][0]["env"]
    return found


@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_are_accepted(profile: str) -> None:
    """The patches of a profile apply, its values exist, and the charts accept them."""
    (file,) = _release(_with(profile))["valuesFiles"]
    assert _rendered(f"--values={ROOT / file}")


def test_a_patch_of_a_missing_path_is_refused() -> None:
    """As skaffold, the test refuses to replace or remove a missing or empty path."""
    for document in ({"a": {}}, {"a": {"b": []}}):
        with pytest.raises(KeyError):
            _apply(_without_empty(document), {"op": "replace", "path": "/a/b", "value": [1]})


def test_port_forwards_name_existing_ports() -> None:
    """Each port-forward names a Service of the release and one of its ports."""
    services = {
        (item["metadata"]["name"], port["port"])
        for item in _rendered()
        if item["kind"] == "Service"
        for port in item["spec"]["ports"]
    }
    assert {(forward["resourceName"], forward["port"]) for forward in SKAFFOLD["portForward"]} <= services
    assert {RELEASE["namespace"]} == {forward["namespace"] for forward in SKAFFOLD["portForward"]}


def test_the_verify_job_can_query_jaeger() -> None:
    """The Job of `verify` runs a built image as a restricted pod, with labels that Jaeger's policy admits."""
    (test,) = SKAFFOLD["verify"]
    job = yaml.safe_load((ROOT / test["executionMode"]["kubernetesCluster"]["jobManifestPath"]).read_text())
    policies = {item["metadata"]["name"]: item["spec"] for item in _rendered() if item["kind"] == "NetworkPolicy"}
    query = [rule for rule in policies["spanloom-jaeger"]["ingress"] if "users-test" in str(rule)]
    assert test["container"]["image"] in ARTIFACTS
    assert "users-test" == job["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"]
    assert query
    assert job["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"] is True
