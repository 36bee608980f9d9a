"""What each room of the operator may import."""

from __future__ import annotations

import sys

import pytest
from support.source import imports, modules

OPERATOR = "spanloom_operator"
ROOMS = {
    "names": (),
    "references": (),
    "rollouts": (),
    "kinds": ("rollouts",),
    "quantities": (),
    "kube": ("names", "kinds", "aiohttp", "kopf", "pydantic_core", "yaml"),
    "profiles": ("names", "references", "quantities", "pydantic"),
    "injection": ("names", "references", "quantities", "rollouts", "kinds", "profiles"),
    "controller": (
        "names", "kinds", "kube", "profiles", "injection", "settings", "aiohttp.web", "cryptography.x509", "kopf",
        "prometheus_client",
        "spanloom.instrument",
    ),
    "settings": ("names", "profiles", "pydantic", "spanloom.web.service_settings"),
    "explain": ("names", "kinds", "injection", "profiles", "settings", "kopf", "pydantic", "typer", "yaml"),
    "score": ("aiohttp.web", "google.protobuf", "opentelemetry.proto", "spanloom.testing", "typer"),
    "cli": ("explain", "score", "controller", "kube", "kopf", "typer"),
    "__main__": (
        "names", "kube", "controller", "settings", "kopf", "prometheus_client", "spanloom.web",
    ),
    "__init__": (),
}  # fmt: skip
"""Room and what it may import beside itself and the standard library."""
IMPURE = {"aiohttp", "asyncio", "http", "kopf", "os", "random", "socket", "subprocess", "time", "urllib.request"}
MODULES = modules(OPERATOR)


def room_of(module: str) -> str:
    return module.split(".", maxsplit=1)[0]


def allowed(module: str) -> tuple[str, ...]:
    room = room_of(module)
    names = [OPERATOR + "." + name if name in ROOMS else name for name in (room, *ROOMS[room])]
    return tuple(names)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_room_imports_what_the_table_allows(module: str) -> None:
    """Every import of a module is the standard library's or one that its room may have."""
    foreign = {name for name in imports(MODULES[module]) if name.split(".")[0] not in sys.stdlib_module_names}
    refused = {name for name in foreign if not any(f"{name}.".startswith(f"{each}.") for each in allowed(module))}
    assert set() == refused


@pytest.mark.parametrize("module", sorted(module for module in MODULES if room_of(module) in {"profiles", "injection"}))
def test_decisions_are_pure(module: str) -> None:
    """Neither profiles nor injection import a client, a clock, randomness or the environment."""
    found = {name for name in imports(MODULES[module]) if any(f"{name}.".startswith(f"{each}.") for each in IMPURE)}
    assert set() == found


def test_the_table_has_every_room_and_no_other() -> None:
    """A room that is added, renamed or removed is added, renamed or removed in the table."""
    assert {room_of(module) for module in MODULES} == set(ROOMS)
