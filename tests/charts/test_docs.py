"""What charts refuse, and what docs/troubleshooting.md quotes of it; the commands of docs/install.md that render."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml
from charts.rendering import HELM, KUBERNETES, Case, objects, template
from support.builders.pages import blocks, is_printed, quoted_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSED = {
    "postgres requires existingSecret": ["--set=jaeger.enabled=true"],
    "the password is in spanloom-database": ["--set=postgres.existingSecret=spanloom-database"],
    "additional properties 'jager'": ["--set=postgres.existingSecret=database,jager.enabled=false"],
    "is the Jaeger of this release": ["--set=postgres.existingSecret=database,jaeger.enabled=false"],
}
DATABASE = "postgres.existingSecret=database,users.database.existingSecret=database"
LINES = quoted_lines("docs/troubleshooting.md")
KEYS = {"global", *yaml.safe_load((HELM / "spanloom" / "values.yaml").read_text())}
UNITS = {"m": 0.001, "Mi": 2**20, "Gi": 2**30}
INSTALLATION = {
    "OpenShift": ["--set=global.openshift=true"],
    "registries without packaging": [
        "--set=users.services.users-api.image.registry=r,users.services.users-db-service.image.registry=r",
        "--set=operator.image.registry=r",
    ],
    "classes of volumes": [
        "--set=postgres.volume.storageClass=fast,otel-collector.queue.volume.storageClass=fast",
        "--set=jaeger.storage.type=badger,jaeger.storage.volume.storageClass=fast",
    ],
}


@pytest.mark.parametrize("part", REFUSED)
def test_a_quoted_refusal_is_what_helm_prints(part: str) -> None:
    """The values that the entry describes are refused with the quoted line."""
    [quoted] = [line for line in LINES if part in line]
    done = template(HELM / "spanloom", *REFUSED[part])

    assert done.returncode != 0
    assert is_printed(quoted, done.stderr), done.stderr


@pytest.mark.parametrize("values", INSTALLATION.values(), ids=INSTALLATION)
def test_the_values_of_the_installation_page_are_accepted(values: list[str]) -> None:
    """Every value that docs/install.md and docs/troubleshooting.md name exists."""
    done = template(HELM / "spanloom", f"--set={DATABASE}", *values)

    assert 0 == done.returncode, done.stderr


def _documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield heading and content of every YAML document of docs/install.md."""
    for block in blocks("docs/install.md"):
        if block.language == "yaml":
            yield from ((block.heading, document) for document in yaml.safe_load_all(block.text))


def _values() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield heading and values of every example of the umbrella chart, also within an Application."""
    for heading, document in _documents():
        if document.get("kind") == "Application":
            yield heading, document["spec"]["source"]["helm"]["valuesObject"]
        elif document.keys() <= KEYS:
            yield heading, document


@pytest.mark.parametrize(("heading", "values"), [pytest.param(*pair, id=pair[0]) for pair in _values()])
def test_the_examples_of_values_are_accepted(heading: str, values: dict[str, Any]) -> None:
    """Every YAML example of values renders; only the Secret of a generated password is added."""
    has_database = "existingSecret" in values.get("postgres", {})
    secret = [] if has_database else [f"--set={DATABASE}"]
    examples = [f"--set-json={key}={json.dumps(value)}" for key, value in values.items()]
    done = template(HELM / "spanloom", *secret, *examples)

    assert 0 == done.returncode, f"{heading}: {done.stderr}"


def test_the_examples_of_values_are_found() -> None:
    """A changed page cannot pass for one without examples."""
    found = [heading for heading, _ in _values()]
    expected = ["Your own PostgreSQL", "Your own store of logs", "Argo CD", "Production", "OpenShift, IPv6, mirrors"]
    assert expected == found


def test_the_deployment_of_the_page_is_valid() -> None:
    """The example of a Deployment is one of Kubernetes."""
    [shop] = [document for _, document in _documents() if document.get("kind") == "Deployment"]
    kubernetes_validate.validate(shop, KUBERNETES, strict=True)


@pytest.mark.parametrize(
    ("size", "left_out"), [("platform", {"users-api", "users-db-service", "postgres"}), ("platform and example", set())]
)
def test_the_sizes_are_those_of_the_charts(size: str, left_out: set[str]) -> None:
    """The table adds up requests, memory limits and volumes of the default values."""
    [row] = [
        line for line in (HELM.parent / "docs/install.md").read_text().splitlines() if line.startswith(f"| {size} |")
    ]
    items = [item for item in objects(DEFAULT) if item["kind"] in ("Deployment", "StatefulSet")]
    workloads = [item for item in items if item["metadata"]["labels"]["app.kubernetes.io/name"] not in left_out]
    cpu, memory, limits = (sum(_bytes(one) for one in _resources(workloads, *keys)) for keys in RESOURCES)
    volumes = sum(_bytes(claim["spec"]["resources"]["requests"]["storage"]) for claim in _claims(workloads))

    mebibytes, gibibytes = 2**20, 2**30
    expected = [f"{cpu * 1000:.0f}m", f"{memory / mebibytes:.0f} MiB", f"{limits / mebibytes:.0f} MiB"]
    assert [*expected, f"{volumes / gibibytes:.0f} GiB"] == [cell.strip() for cell in row.split("|")[2:-1]]


DEFAULT = Case("spanloom", HELM / "spanloom" / "ci" / "default-values.yaml")
RESOURCES = (("requests", "cpu"), ("requests", "memory"), ("limits", "memory"))


def _resources(workloads: list[dict[str, Any]], kind: str, name: str) -> Iterator[str]:
    for item in workloads:
        yield from (one["resources"][kind][name] for one in item["spec"]["template"]["spec"]["containers"])


def _claims(workloads: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in workloads:
        yield from item["spec"].get("volumeClaimTemplates", [])


def _bytes(quantity: str) -> float:
    """Return a quantity of Kubernetes as a number; of CPU in cores."""
    number = quantity.rstrip("mMGi")
    return float(number) * UNITS[quantity[len(number) :]]
