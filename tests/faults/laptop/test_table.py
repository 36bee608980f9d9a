"""docs/reliability.md tells of this suite, whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from faults.table import Line, read, written

if TYPE_CHECKING:
    import pytest

DOCUMENT = Path(__file__).parents[3] / "docs/reliability.md"


def faults(lines: list[Line]) -> set[tuple[str, str]]:
    return {(line.fault, line.promise) for line in lines}


def test_the_document_tells_every_fault(told: dict[str, list[Line]], request: pytest.FixtureRequest) -> None:
    """Every fault caused here has its row with this promise and a measurement, and no row is of another."""
    collected, rows = faults(told.get("On the laptop", [])), read(DOCUMENT.read_text())["On the laptop"]
    assert collected <= faults(rows)
    assert all(row.measured for row in rows)
    here = {item.path for item in request.session.items if item.path.parent == request.path.parent}
    if here == set(request.path.parent.glob("test_*.py")):
        assert collected == faults(rows)


def test_what_is_written_can_be_read() -> None:
    """A section that is not run is kept, so what is read is what was written."""
    sections = {"On the laptop": [Line("a fault", "a promise", "1 request")], "On the cluster": [Line("b", "c", "d")]}
    assert sections == read(written(sections))
