"""The schemas of the custom resources have the keys of OpenAPI and of Kubernetes, and no others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from support.paths import HELM, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CRDS = sorted((HELM / "operator" / "crds").glob("*.yaml"))
KEYS = {
    "additionalProperties", "default", "description", "enum", "format", "items", "maxItems", "maxLength",
    "maxProperties",
    "maximum", "minItems", "minLength", "minProperties", "minimum", "nullable", "pattern", "properties",
    "required", "type", "uniqueItems", "x-kubernetes-int-or-string", "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type", "x-kubernetes-map-type", "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
}  # fmt: skip


def unknown_keys(schema: dict[str, Any], path: str) -> Iterator[str]:
    """Yield the path of every key that is none of a schema."""
    yield from (f"{path}: {key!r}" for key in schema.keys() - KEYS)
    children = {**schema.get("properties", {})}
    children |= {key: schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)}
    for name, child in children.items():
        yield from unknown_keys(child, f"{path}.{name}")


@pytest.mark.parametrize("path", CRDS, ids=lambda path: path.stem)
def test_every_file_begins_a_document(path: Path) -> None:
    """Helm 3 prints the files of `helm show crds` without separators: without one, kubectl reads the last file only."""
    assert "---" == path.read_text().splitlines()[0]


def test_make_down_deletes_every_crd() -> None:
    """deploy/down names each CustomResourceDefinition of the operator's chart."""
    names = {yaml.safe_load(path.read_text())["metadata"]["name"] for path in CRDS}
    [command] = re.findall("kubectl delete customresourcedefinition (.*) --", (ROOT / "deploy" / "down").read_text())
    assert names == set(command.split())


@pytest.mark.parametrize("path", CRDS, ids=lambda path: path.stem)
def test_every_key_is_one_of_a_schema(path: Path) -> None:
    """A comma in an unquoted description, for example, makes a key of its second half."""
    [version] = yaml.safe_load(path.read_text())["spec"]["versions"]

    assert [] == list(unknown_keys(version["schema"]["openAPIV3Schema"], path.stem))
