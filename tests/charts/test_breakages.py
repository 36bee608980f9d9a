"""The value `breakage` of the chart users: what the table says, in the services that it names, and nothing else."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from charts.rendering import HELM, template

from spanloom_local.breakages import BREAKAGES, UNCHANGED

if TYPE_CHECKING:
    from charts.rendering import Object

SERVICES = ("users-api", "users-db-service")
SCHEMA = json.loads((HELM / "users" / "values.schema.json").read_text())


@cache
def specs(breakage: str) -> dict[str, Object]:
    """Return the spec of each service's Deployment with this breakage."""
    done = template(HELM / "users", f"--set=breakage={breakage}")
    assert done.returncode == 0, done.stderr
    items = [item for item in yaml.safe_load_all(done.stdout) if item and item["kind"] == "Deployment"]
    return {item["metadata"]["name"].removeprefix("demo-"): item["spec"] for item in items}


def container(spec: Object) -> dict[str, Any]:
    found: dict[str, Any] = spec["template"]["spec"]["containers"][0]
    return found


def environment(spec: Object) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container(spec)["env"]}


def test_the_schema_has_every_breakage() -> None:
    """The values that the chart accepts are those of the table, and none."""
    assert ["", *BREAKAGES] == SCHEMA["properties"]["breakage"]["enum"]


@pytest.mark.parametrize("name", BREAKAGES)
@pytest.mark.parametrize("service", SERVICES)
def test_a_breakage_changes_what_the_table_names(name: str, service: str) -> None:
    """Application, variables and replicas of each service are those of the table; the others stay as they were."""
    change, spec, usual = BREAKAGES[name].get(service, UNCHANGED), specs(name)[service], specs("")[service]

    assert environment(usual) | change.env == environment(spec)
    assert change.replicas == spec["replicas"]
    assert bool(change.module) == (f"breakages.{change.module}:create_app" in container(spec).get("command", []))
    assert change != UNCHANGED or usual == spec


def test_no_breakage_is_in_the_default() -> None:
    """By default nothing of the breakages is rendered: no file, no variable, no command."""
    rendered = template(HELM / "users").stdout
    assert [] == [line for line in rendered.splitlines() if "breakage" in line.lower()]
