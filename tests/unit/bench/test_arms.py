"""The table of arms and their environments."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest
from bench.arms import ARMS, BASES, Arm, choose
from bench.content import NAMES
from support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PEERS = sorted((ROOT / "tests/bench/peers").glob("*.txt"))


def test_both_untraced_arms_always_run() -> None:
    """Whatever is chosen, there is a base and its twin."""
    assert [arm.name for arm in choose(["ddtrace"])] == [*BASES, "ddtrace"]


def test_an_unknown_arm_is_refused_by_name() -> None:
    """A slip of the finger is told, with what could have been meant."""
    with pytest.raises(ValueError, match="--arms spanlom: expected one or several of untraced, "):
        choose(["spanlom"])


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.name)
def test_every_arm_has_a_table_to_be_held_to(arm: Arm) -> None:
    """No arm is compared without a check of its content."""
    assert arm.names in NAMES


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.name)
def test_ones_own_telemetry_settings_reach_no_arm(arm: Arm) -> None:
    """What a person has set for other programs changes no figure; the arm's own settings name service and sink."""
    inherited = {"OTEL_SDK_DISABLED": "true", "DD_ENV": "x", "LOGFIRE_TOKEN": "x", "PYTHONPATH": "x", "HOME": "/h"}
    made = arm.environment(inherited, "users-api", "http://sink")
    assert made.keys() & inherited.keys() == {"HOME"}
    assert not [value for value in made.values() if "{" in value]


def test_only_the_inner_service_trusts_its_caller() -> None:
    """Spanloom at 100 % runs as in the demo: the edge obeys nobody, the service behind it obeys the edge."""
    arm = next(arm for arm in ARMS if arm.name == "spanloom")
    trusting = {service for service in ("users-api", "users-db-service")
                if "SPANLOOM_TRUST_INCOMING" in arm.environment({}, service, "")}  # fmt: skip
    assert trusting == {"users-db-service"}


@pytest.mark.parametrize("path", PEERS, ids=lambda path: path.stem)
def test_peers_run_on_the_libraries_that_we_ship(path: Path) -> None:
    """What is not telemetry has the version of uv.lock in every environment (tests/bench/peers/lock pins anew)."""
    locked = {package["name"]: package.get("version") for package in
              tomllib.loads((ROOT / "uv.lock").read_text())["package"]}  # fmt: skip
    pinned = dict(re.findall(r"^([\w.-]+)(?:\[.*\])?==([^\s;]+)", path.read_text(), re.MULTILINE))
    shared = {name for name in pinned.keys() & locked.keys() if not name.startswith("opentelemetry-")}
    assert {name: locked[name] for name in shared} == {name: pinned[name] for name in shared}
    assert {"fastapi", "uvicorn", "aiohttp", "sqlalchemy", "psycopg"} <= shared
