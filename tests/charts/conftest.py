"""Options of the chart tests. Charts are rendered by the helm on PATH."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden", action="store_true", help="write tests/charts/golden instead of comparing with it")
