"""A fault test bears the mark `fault(NAME)`, states its promise in its docstring, and tells what it counted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.plugins.fault_table import Line, counted, merged, read, written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Tell = Callable[..., None]

LINES = pytest.StashKey[dict[pytest.Item, Line]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make reliability` name the file to write."""
    parser.addoption("--reliability", type=Path, help="write what the fault tests counted to this file")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark."""
    config.addinivalue_line("markers", "fault(name): what is broken; a row of docs/reliability.md")
    config.stash[LINES] = {}


@pytest.hookimpl(tryfirst=True)  # before tests are deselected
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep a line, still without numbers, for every fault."""
    for item in items:
        if mark := item.get_closest_marker("fault"):
            config.stash[LINES][item] = Line(mark.args[0], _promise(item))


@pytest.fixture
def tell(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Tell:
    """Return the function by which a fault test tells what it counted."""

    def tell(answers: Mapping[int, int], sent: int, found: int, *more: str) -> None:
        lines = request.config.stash[LINES]
        line = lines[request.node]._replace(measured=counted(answers, sent, found, *more))
        lines[request.node] = line
        with capsys.disabled():
            print(f"\n{line.fault}: {line.measured}")

    return tell


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the lines of what was run, when all went well; others stay as they are."""
    path = session.config.getoption("--reliability")
    if path and exitstatus == pytest.ExitCode.OK:
        before = read(path.read_text()) if path.exists() else {}
        path.write_text(written(merged(before, _sections(session.config))))


def _sections(config: pytest.Config) -> dict[str, list[Line]]:
    sections: dict[str, list[Line]] = {}
    for item, line in config.stash[LINES].items():
        sections.setdefault("On a cluster" if "e2e" in item.path.parts else "On one machine", []).append(line)
    return sections


def _promise(item: pytest.Item) -> str:
    assert isinstance(item, pytest.Function)
    return " ".join((item.function.__doc__ or "").split())
