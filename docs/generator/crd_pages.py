"""A page for each custom resource of the operator: every field, from the schema of its CRD."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from markdown import table

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
CRDS = ROOT / "helm" / "operator" / "crds"
INTRODUCTIONS = {
    "OtelProfile": """\
```yaml
apiVersion: spanloom.dev/v1alpha1
kind: OtelProfile
metadata:
  name: default
  namespace: demo
spec:
  exporter:
    endpoint: http://spanloom-otel-collector.spanloom:4318
    protocol: http/protobuf
  propagators: [tracecontext, baggage]
  sampler:
    type: parentbased_traceidratio
    argument: "0.1"
```

A Deployment with the label `spanloom.dev/inject: "true"` uses the profile named `default` of its namespace, one with
`spanloom.dev/inject: NAME` the profile `NAME`. The chart adds the right to read profiles to the role `view`, the right
to change them to `edit`.
""",
    "OtelInjection": """\
```sh
kubectl get otelinjections --all-namespaces
kubectl get otelinjection shop --namespace demo --output yaml
```

The chart adds the right to read it to the role `view`. [`spanloom explain`](explain.md) shows the values of the
variables, too.
""",
}
TEXT = """\
# {kind}

{description}

{introduction}
{sections}

`[]` stands for each item of a list, `<key>` for a key of your choice. Fields in **bold** are required if their parent
is set. `kubectl explain {singular}` prints the same.

`kubectl get {plural}` prints {columns}.

Written by `make docs` from [the CRD](../helm/operator/crds/{file}).
"""
BOUNDS = {
    "format": "{}",
    "minimum": "from {}",
    "maximum": "to {}",
    "minLength": "not empty",
    "maxLength": "at most {} characters",
    "maxItems": "at most {} items",
    "maxProperties": "at most {} keys",
    "pattern": "`{}`",
}


def pages() -> Iterator[tuple[Path, str]]:
    """Yield the file and the text of each page."""
    for path in sorted(CRDS.glob("*.yaml")):
        crd = yaml.safe_load(path.read_text())["spec"]
        names, [version] = crd["names"], crd["versions"]
        schema = version["schema"]["openAPIV3Schema"]
        sections = (f"## {name}\n\n{_table(part)}" for name, part in schema["properties"].items())
        yield (
            ROOT / "docs" / f"{names['singular']}.md",
            TEXT.format(
                **names,
                file=path.name,
                description=schema["description"],
                introduction=INTRODUCTIONS[names["kind"]],
                sections="\n\n".join(sections),
                columns=", ".join(column["name"] for column in version["additionalPrinterColumns"]),
            ),
        )


def _table(schema: dict[str, Any]) -> str:
    rows = _fields(schema, "")
    intro = f"{schema['description']}\n\n" if "description" in schema else ""
    return intro + table(("field", "type", "values", "meaning"), rows)


def _fields(schema: dict[str, Any], above: str) -> Iterator[tuple[str, ...]]:
    """Yield a row for each field, and for what is in it."""
    for name, field in schema.get("properties", {}).items():
        mark = "**" if name in schema.get("required", ()) else ""
        path = f"{above}{name}"
        yield f"{mark}`{path}`{mark}", _type(field), _values(field), _meaning(field)
        yield from _inside(field, path)


def _inside(field: dict[str, Any], path: str) -> Iterator[tuple[str, ...]]:
    if "items" in field:
        yield from _element(field["items"], f"{path}[]")
    elif "additionalProperties" in field:
        yield from _element(field["additionalProperties"], f"{path}.<key>")
    else:
        yield from _fields(field, f"{path}.")


def _element(field: dict[str, Any], path: str) -> Iterator[tuple[str, ...]]:
    if "properties" in field:
        yield from _fields(field, f"{path}.")
    else:
        yield f"`{path}`", _type(field), _values(field), _meaning(field)


def _type(field: dict[str, Any]) -> str:
    return "list" if field["type"] == "array" else str(field["type"])


def _values(field: dict[str, Any]) -> str:
    words = [text.format(field[key]) for key, text in BOUNDS.items() if key in field]
    return ", ".join([*(f"`{value}`" for value in field.get("enum", ())), *words])


def _meaning(field: dict[str, Any]) -> str:
    """Return the description, and in parentheses the message of each rule of the schema."""
    rules = [rule["message"] for rule in field.get("x-kubernetes-validations", ())]
    rules += [rule["message"] for rule in field.get("items", {}).get("x-kubernetes-validations", ())]
    return " ".join(filter(None, [field.get("description", ""), f"({'; '.join(rules)})" if rules else ""]))
