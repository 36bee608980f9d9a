"""The table of arms and their environments."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest
from bench.arms import ARMS, BASES, SERVICES, Arm, choose
from bench.content import NAMES
from support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PEERS = sorted((ROOT / "tests/bench/peers").glob("*.txt"))


def test_both_untraced_arms_always_run() -> None:
    """Every selection includes both untraced arms."""
    assert [arm.name for arm in choose(["ddtrace"])] == [*BASES, "ddtrace"]


def test_an_unknown_arm_is_refused_by_name() -> None:
    """An unknown name is an error that lists the valid names."""
    with pytest.raises(ValueError, match="--arms spanlom: expected one or several of untraced, "):
        choose(["spanlom"])


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.name)
def test_every_arm_has_required_spans(arm: Arm) -> None:
    """Every arm has a table of required spans."""
    assert arm.names in NAMES


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.name)
def test_inherited_telemetry_settings_are_removed(arm: Arm) -> None:
    """Telemetry settings of the caller reach no arm; the arm's own settings contain service and sink."""
    inherited = {"OTEL_SDK_DISABLED": "true", "DD_ENV": "x", "LOGFIRE_TOKEN": "x", "PYTHONPATH": "x", "HOME": "/h"}
    made = arm.environment(inherited, "users-api", "http://sink")
    assert made.keys() & inherited.keys() == {"HOME"}
    assert not [value for value in made.values() if "{" in value]


def test_only_the_inner_service_trusts_its_caller() -> None:
    """Spanloom at 100 % runs as in the demo: only the service behind the edge trusts its caller."""
    arm = next(arm for arm in ARMS if arm.name == "spanloom")
    trusting = {service for service in ("users-api", "users-db-service")
                if "SPANLOOM_TRUST_INCOMING" in arm.environment({}, service, "")}  # fmt: skip
    assert trusting == {"users-db-service"}


@pytest.mark.parametrize("path", PEERS, ids=lambda path: path.stem)
def test_peers_use_the_locked_libraries(path: Path) -> None:
    """Every environment has the packages that the services require, in the versions of uv.lock (`make lock`)."""
    locked = {package["name"]: package.get("version") for package in
              tomllib.loads((ROOT / "uv.lock").read_text())["package"]}  # fmt: skip
    pinned = dict(re.findall(r"^([\w.-]+)(?:\[.*\])?==([^\s;]+)", path.read_text(), re.MULTILINE))
    shared = {name for name in pinned.keys() & locked.keys() if not name.startswith("opentelemetry-")}
    assert {name: locked[name] for name in shared} == {name: pinned[name] for name in shared}
    assert requirements_of_services() <= pinned.keys()


def requirements_of_services() -> set[str]:
    """Return the names of the packages that the services require, without the distribution."""
    projects = [tomllib.loads((ROOT / f"services/{name}/pyproject.toml").read_text()) for name in SERVICES]
    lines = [line for project in projects for line in project["project"]["dependencies"]]
    return {name[0].lower() for line in lines if (name := re.match(r"[\w.-]+", line))} - {"spanloom"}
