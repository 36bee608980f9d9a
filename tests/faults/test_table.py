"""docs/reliability.md tells of this suite, whole: of every fault of every folder, also of those that need a cluster."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.paths import ROOT, TESTS
from support.plugins.fault_table import Line, merged, read, written

DOCUMENT = ROOT / "docs/reliability.md"
SUITES = (TESTS / "faults", TESTS / "e2e/faults")
SECTIONS = ("On one machine", "On a cluster")


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Line]]:
    """Collect every fault test, run none, and return the lines they make: all without a measurement."""
    path = tmp_path_factory.mktemp("faults") / "collected.md"
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", *SUITES, f"--reliability={path}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return read(path.read_text())


@pytest.mark.parametrize("section", SECTIONS)
def test_the_document_tells_every_fault(collected: dict[str, list[Line]], section: str) -> None:
    """Every fault has its row with this promise and a measurement, and no row is of another."""
    rows = read(DOCUMENT.read_text())[section]
    assert {line[:2] for line in collected[section]} == {row[:2] for row in rows}
    assert [] == [row.fault for row in rows if not row.measured]


def test_there_is_no_other_section(collected: dict[str, list[Line]]) -> None:
    """The sections are those of the folders."""
    assert set(SECTIONS) == collected.keys() == read(DOCUMENT.read_text()).keys()


def test_what_is_written_can_be_read() -> None:
    """A section that is not run is kept, so what is read is what was written."""
    sections = {"On one machine": [Line("a fault", "a promise", "1 request")], "On a cluster": [Line("b", "c", "d")]}
    assert sections == read(written(sections))


def test_what_was_not_run_stays() -> None:
    """A new measurement takes the old one's place; a line that was not run, or not collected, keeps its own."""
    before = {"On one machine": [Line("a", "p", "1"), Line("b", "p", "2")], "On a cluster": [Line("c", "p", "3")]}
    now = {"On one machine": [Line("b", "q", "4"), Line("a", "p"), Line("d", "p", "5")]}
    expected = [Line("a", "p", "1"), Line("b", "q", "4"), Line("d", "p", "5")]
    assert {**before, "On one machine": expected} == merged(before, now)
