"""What each room of services/telemetry may import."""

from __future__ import annotations

import ast
import sys

import pytest
from support.source import imports, modules, parsed

API = ("opentelemetry.context", "opentelemetry.trace", "opentelemetry.baggage", "opentelemetry.propagate",
       "opentelemetry.metrics", "opentelemetry._logs")  # fmt: skip
ROOMS = {
    "settings": ("spanloom.settings",),
    "core": ("spanloom.core",),
    "tracing": ("spanloom.settings", "spanloom.core", "spanloom.tracing"),
    "instrumentation": (
        "spanloom.settings", "spanloom.core", "spanloom.instrumentation", "sqlalchemy", "multidict", "yarl",
    ),
    "runtime": ("spanloom.settings", "spanloom.core", "spanloom.runtime"),
    "api": ("spanloom.core", "spanloom.api", *API, "opentelemetry.instrumentation.utils"),
    "sdk": (
        "spanloom.settings", "spanloom.core", "spanloom.instrumentation", "spanloom.runtime", "spanloom.api",
        "spanloom.sdk", "spanloom.traces", *API,
        "opentelemetry.instrumentation", "opentelemetry.sdk", "pythonjsonlogger",
    ),
    "agent": (
        "spanloom.settings", "spanloom.core", "spanloom.instrumentation", "spanloom.runtime", "spanloom.api",
        "spanloom.agent",
    ),
    "traces": ("spanloom.traces",),
    "testing": ("spanloom.traces", "opentelemetry.proto"),
    "web": ("spanloom.settings", "spanloom.web", "fastapi", "fastapi_problem", "starlette", "uvicorn", "pydantic",
            "opentelemetry.trace"),
    "problems": ("spanloom.web",),
    "bounded": ("spanloom.web",),
    "": ("spanloom.tracing", "spanloom.api"),
}  # fmt: skip
"""Room and what it may import beside the standard library; "" is `spanloom/__init__.py`."""
PUBLIC_UNDERSCORES = ("opentelemetry._logs", "opentelemetry.sdk._logs")
"""Modules whose documented names begin with an underscore: the API of logs is not stable yet."""
MODULES = modules("spanloom")


def room_of(module: str) -> str:
    return "" if module == "__init__" else module.split(".", maxsplit=1)[0]


def foreign(path_imports: set[str]) -> set[str]:
    return {name for name in path_imports if name.split(".")[0] not in sys.stdlib_module_names}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_room_imports_what_the_table_allows(module: str) -> None:
    """Every import of a module is the standard library's or one that its room may have."""
    allowed = ROOMS[room_of(module)]
    refused = {
        name
        for name in foreign(imports(MODULES[module]))
        if not any(f"{name}.".startswith(f"{prefix}.") for prefix in allowed)
    }
    assert set() == refused


def test_the_table_has_every_room_and_no_other() -> None:
    """A room that is added, renamed or removed is added, renamed or removed in the table."""
    assert {room_of(module) for module in MODULES} == set(ROOMS)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_private_name_of_opentelemetry_is_used(module: str) -> None:
    """No module imports a private name of OpenTelemetry, or reads a private attribute of what it imports from it."""
    tree = parsed(MODULES[module])
    from_api = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("opentelemetry")
        for alias in node.names
    }
    read = {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if node.value.id in from_api and node.attr.startswith("_")
    }
    imported = {name for name in imports(MODULES[module]) if name.startswith("opentelemetry.") and "._" in name}
    assert set() == read | {name for name in imported if not name.startswith(PUBLIC_UNDERSCORES)}
