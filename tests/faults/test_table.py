"""docs/reliability.md has every fault of both suites, also of the one that needs a cluster."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.paths import ROOT, TESTS
from support.plugins.fault_table import Row, from_markdown, measurement, merge, text_above, to_markdown

DOCUMENT = ROOT / "docs/reliability.md"
SUITES = (TESTS / "faults", TESTS / "e2e/faults")
SECTIONS = ("On one machine", "On a cluster")


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    """Collect every fault test without running it, and return the rows, all without a measurement."""
    path = tmp_path_factory.mktemp("faults") / "collected.md"
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", *SUITES, f"--reliability={path}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return from_markdown(path.read_text())


@pytest.mark.parametrize("section", SECTIONS)
def test_the_document_has_every_fault(collected: dict[str, list[Row]], section: str) -> None:
    """Every fault has a row with its promise and a measurement, and every row belongs to a fault."""
    rows = from_markdown(DOCUMENT.read_text())[section]
    assert {row[:2] for row in collected[section]} == {row[:2] for row in rows}
    assert [] == [row.fault for row in rows if not row.measured]


def test_there_is_no_other_section(collected: dict[str, list[Row]]) -> None:
    """The document has a section for each suite."""
    assert set(SECTIONS) == collected.keys() == from_markdown(DOCUMENT.read_text()).keys()


def test_the_document_is_read_as_it_was_written() -> None:
    """A section whose suite does not run keeps its content."""
    sections = {"On one machine": [Row("a fault", "a promise", "1 request")], "On a cluster": [Row("b", "c", "d")]}
    assert sections == from_markdown(to_markdown(sections))


def test_the_text_above_the_tables_is_kept() -> None:
    """What is written by hand, headings included, stays when the tables are written again."""
    text = "# Reliability\n\n## Outages\n\n| a | b |\n\n## On one machine\n\nold"

    written = to_markdown({"On one machine": [Row("a", "p", "1")]}, text_above(text))

    assert text.removesuffix("## On one machine\n\nold") == text_above(written)
    assert {"On one machine": [Row("a", "p", "1")]} == from_markdown(written)


def test_a_row_keeps_its_measurement_until_its_test_runs() -> None:
    """A new measurement replaces the old one; the row of a test that did not run, or was not collected, stays."""
    before = {"On one machine": [Row("a", "p", "1"), Row("b", "p", "2")], "On a cluster": [Row("c", "p", "3")]}
    now = {"On one machine": [Row("b", "q", "4"), Row("a", "p"), Row("d", "p", "5")]}
    expected = [Row("a", "p", "1"), Row("b", "q", "4"), Row("d", "p", "5")]
    assert {**before, "On one machine": expected} == merge(before, now)


@pytest.mark.parametrize(
    ("responses", "sent", "received", "expected"),
    [
        ({200: 80}, 160, 160, "80 responses, all 200 OK; 160 of 160 spans received; more"),
        ({200: 1}, 11, 11, "1 response, 200 OK; 11 of 11 spans received; more"),
        ({503: 18, 200: 12}, 30, 29, "30 responses: 12 with 200, 18 with 503; 29 of 30 spans received; more"),
        ({}, 0, 0, "more"),
    ],
)
def test_a_measurement_cannot_be_misread(responses: dict[int, int], sent: int, received: int, expected: str) -> None:
    """A measurement names what each number counts."""
    assert expected == measurement(responses, sent, received, "more")
