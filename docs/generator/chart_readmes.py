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
CHARTS = ("jaeger", "operator", "otel-collector", "postgres", "prometheus", "spanloom", "users", "victoria-logs")
NAMESPACES = {"operator": "spanloom-system"}
"""Namespaces that other parts expect; the others are named as the release."""
COLLECTOR = "http://spanloom-otel-collector.spanloom:4318"
IMAGES = "[pushed](../../docs/install.md#any-cluster) to `REGISTRY`: none is published"
ARGUMENTS = {
    "operator": ('"image.registry=$REGISTRY"', f"profile.exporter.endpoint={COLLECTOR}"),
    "spanloom": (
        '"operator.image.registry=$REGISTRY"',
        '"users.services.users-api.image.registry=$REGISTRY"',
        '"users.services.users-db-service.image.registry=$REGISTRY"',
    ),
    "users": ('"services.users-api.image.registry=$REGISTRY"', '"services.users-db-service.image.registry=$REGISTRY"'),
}
"""Values that an installation without further files needs."""
SEPARATE = "[example](../../docs/install.md#collector-jaeger-and-operator-in-namespaces-of-their-own)"
NEEDS = {
    "jaeger": "It accepts telemetry from the Collector of its own namespace; for another one, set "
    f"`networkPolicy.clients`: {SEPARATE}.",
    "operator": f"Needs its image, {IMAGES}; and a receiver, here the Collector of the chart "
    "[spanloom](../spanloom/README.md). The default of `profile.exporter.endpoint` is the Collector of the same "
    "release, which only that chart has.",
    "otel-collector": "Without `backends.traces.endpoint` or `vendor.endpoint` it prints spans to its log: "
    f"{SEPARATE}.",
    "prometheus": "Metrics come from a Collector of the same namespace (`backends.metrics.endpoint` of its chart); for "
    "another one, set `networkPolicy.clients`.",
    "spanloom": f"Needs the images of the services and of the operator, {IMAGES}. A chart that `deploy/package` "
    "packaged has the registry. Without the example: "
    "[the platform](../../docs/install.md#the-platform-without-the-example).",
    "victoria-logs": "It accepts log records from the Collector of its own namespace; for another one, set "
    "`networkPolicy.clients`. It is one process on one volume: for a store of several nodes, leave it out and set the "
    "Collector's [`backends.logs`](../../docs/install.md#your-own-store-of-logs).",
    "users": f"Needs the images, {IMAGES}; PostgreSQL and its Secret at `<release>-postgres` in the same namespace, or "
    "at `database`; and an [operator](../operator/README.md) in the cluster, without which the services send no "
    "telemetry.",
}
"""What must exist before the installation."""
PAGE = """\
# {name}

{description}

```sh
helm install {release} helm/{folder} --namespace {namespace} --create-namespace{arguments}
helm test {release} --namespace {namespace} --logs
```

{needs}\
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
        arguments="".join(f" \\\n  --set {argument}" for argument in ARGUMENTS.get(folder, ())),
        needs=f"{NEEDS[folder]}\n\n" if folder in NEEDS else "",
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
