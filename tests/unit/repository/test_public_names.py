"""The public surface: names that users may have written stay."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

import pytest

PYTHON_NAMES = {
    "spanloom": ("instrument",),
    "spanloom.problems": (
        "Failed", "Invalid", "NotFound", "Problem", "Unavailable", "each_parameter_once", "install", "require_json",
        "responses",
    ),
    "spanloom.bounded": ("BoundedHttp",),
    "spanloom.testing": (
        "Span", "Trace", "assert_shape", "from_jaeger", "from_otlp", "group", "otlp_attributes", "otlp_value",
    ),
}  # fmt: skip
INSTRUMENTATIONS = ("aiohttp-client", "fastapi", "logging", "sqlalchemy", "threading")
ENTRY_POINTS = {
    ("opentelemetry_distro", "spanloom"),
    ("opentelemetry_configurator", "spanloom"),
    ("opentelemetry_traces_exporter", "tree"),
    *(
        ("opentelemetry_instrumentor", name)
        for name in ("aiohttp-client", "fastapi", "logging", "sqlalchemy", "threading")
    ),
}


@pytest.mark.parametrize("module", PYTHON_NAMES)
def test_python_names_stay(module: str) -> None:
    """Code that imports one of them keeps working."""
    assert set() == set(PYTHON_NAMES[module]) - set(dir(import_module(module)))


@pytest.mark.parametrize(("group", "name"), sorted(ENTRY_POINTS))
def test_an_entry_point_stays(group: str, name: str) -> None:
    """A variable such as OTEL_PYTHON_DISTRO that names the entry point keeps working."""
    assert "spanloom" in {found.value.split(".")[0] for found in entry_points(group=group, name=name)}
