"""Write each chart's README from its Chart.yaml and the comments of its values.yaml (`# -- …`, as for helm-docs)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from markdown import table

if TYPE_CHECKING:
    from collections.abc import Iterator

HELM = Path(__file__).parents[2] / "helm"
CHARTS = ("jaeger", "operator", "otel-collector", "postgres", "spanloom", "users")
NAMESPACES = {"operator": "spanloom-system"}
"""Namespaces that other parts expect; the others are named as the release."""
PAGE = """\
# {name}

{description}

```sh
helm install {release} helm/{folder} --namespace {namespace} --create-namespace
helm test {release} --namespace {namespace} --logs
```

Kubernetes {kubernetes}; version {version} of the chart, {app} of the application. Keys that are not listed are refused.
Written by `make docs` from [values.yaml](values.yaml).

## Values

{rows}
"""


def pages() -> Iterator[tuple[Path, str]]:
    """Yield the file and the text of each README."""
    for folder in CHARTS:
        yield HELM / folder / "README.md", page(folder)


def page(folder: str) -> str:
    """Return the README of a chart."""
    chart = yaml.safe_load((HELM / folder / "Chart.yaml").read_text())
    text, release = (HELM / folder / "values.yaml").read_text(), folder.removeprefix("otel-")
    return PAGE.format(
        name=chart["name"],
        folder=folder,
        release=release,
        namespace=NAMESPACES.get(folder, release),
        description=chart["description"].rstrip(".") + ".",
        kubernetes=chart["kubeVersion"].removesuffix("-0"),
        version=chart["version"],
        app=chart["appVersion"],
        rows=table(("key", "default", "meaning"), _rows(yaml.compose(text), text.splitlines())),
    )


def _rows(values: Any, lines: list[str]) -> Iterator[tuple[str, ...]]:
    for path, key, value in _leaves(values):
        default = json.dumps(yaml.safe_load(yaml.serialize(value)), ensure_ascii=False)
        yield f"`{path}`", f"`{default}`", _comment(lines, key.start_mark.line)


def _leaves(node: Any, above: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield path, key and value of everything that is not a block of further keys."""
    for key, value in node.value:
        path = f"{above}{key.value}"
        if isinstance(value, yaml.MappingNode) and value.value and not value.flow_style:
            yield from _leaves(value, f"{path}.")
        else:
            yield path, key, value


def _comment(lines: list[str], line: int) -> str:
    """Return the comment that begins with `# --` and ends above the line."""
    words: list[str] = []
    while line and lines[line - 1].lstrip().startswith("#"):
        line -= 1
        words.insert(0, lines[line].lstrip("# "))
        if words[0].startswith("-- "):
            return " ".join(words).removeprefix("-- ")
    return ""
