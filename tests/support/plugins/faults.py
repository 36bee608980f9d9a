"""Fault tests: each has the mark `fault(NAME)`, its promise as docstring, and records a measurement."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.plugins.fault_table import Row, from_markdown, measurement, merge, text_above, to_markdown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Record = Callable[..., None]

ROWS = pytest.StashKey[dict[pytest.Item, Row]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --reliability, the file that `make reliability` writes."""
    parser.addoption("--reliability", type=Path, help="write the measurements of the fault tests to this file")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark `fault`."""
    config.addinivalue_line("markers", "fault(name): what is broken; a row of docs/reliability.md")
    config.stash[ROWS] = {}


@pytest.hookimpl(tryfirst=True)  # before tests are deselected
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep a row, without a measurement yet, for every fault."""
    for item in items:
        if mark := item.get_closest_marker("fault"):
            config.stash[ROWS][item] = Row(mark.args[0], _promise(item))


@pytest.fixture
def record(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Record:
    """Return a function that records a measurement: responses by status code, spans sent and received, and more."""

    def record(responses: Mapping[int, int], sent: int, received: int, *more: str) -> None:
        rows = request.config.stash[ROWS]
        row = rows[request.node]._replace(measured=measurement(responses, sent, received, *more))
        rows[request.node] = row
        with capsys.disabled():
            print(f"\n{row.fault}: {row.measured}")

    return record


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the rows of the tests that ran, if all passed; other rows and the text above keep their content."""
    path = session.config.getoption("--reliability")
    if path and exitstatus == pytest.ExitCode.OK:
        text = path.read_text() if path.exists() else "# Reliability\n"
        path.write_text(to_markdown(merge(from_markdown(text), _sections(session.config)), text_above(text)))


def _sections(config: pytest.Config) -> dict[str, list[Row]]:
    sections: dict[str, list[Row]] = {}
    for item, row in config.stash[ROWS].items():
        sections.setdefault("On a cluster" if "e2e" in item.path.parts else "On one machine", []).append(row)
    return sections


def _promise(item: pytest.Item) -> str:
    assert isinstance(item, pytest.Function)
    return " ".join((item.function.__doc__ or "").split())
