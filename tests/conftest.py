"""Plugins, options and rules of every test."""

import pytest
from hypothesis import settings

pytest_plugins = ["support.plugins.faults"]

settings.register_profile("spanloom", deadline=None)  # no test asserts on time
settings.load_profile("spanloom")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add options for runs that are longer than the usual ones."""
    parser.addoption("--whole", action="store_true", help="run every case of the long matrices")
    parser.addoption("--examples", type=int, default=40, help="how many examples the operator's state machine runs")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark `long`."""
    config.addinivalue_line("markers", "long: takes minutes; runs with --whole, and when faults are measured")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the long tests, and refuse a test without a docstring, which states what the test promises."""
    undocumented = [item.nodeid for item in items if isinstance(item, pytest.Function) and not item.function.__doc__]
    if undocumented:
        raise pytest.UsageError("tests without a docstring: " + ", ".join(undocumented))
    if not config.getoption("--whole") and not config.getoption("--reliability"):
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
