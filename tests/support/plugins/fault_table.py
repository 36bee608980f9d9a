"""The tables of docs/reliability.md, made of the rows of the fault suites; the text above them is written by hand."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HEADING = re.compile(r"^## (?=On (?:one machine|a cluster)$)", re.MULTILINE)
"""Beginning of a section with the table of a fault suite."""
COLUMNS = "| fault | promise | measured |\n| --- | --- | --- |"


class Row(NamedTuple):
    """One row: the fault, the promised behaviour, and the measurement (empty until the test has run)."""

    fault: str
    promise: str
    measured: str = ""


def measurement(responses: Mapping[int, int], sent: int, received: int, *more: str) -> str:
    """Return the text of a measurement: responses by status code, spans received of those sent, and more."""
    spans = [f"{received} of {sent} spans received"] if sent else []
    return "; ".join([*_responses(responses), *spans, *more])


def _responses(responses: Mapping[int, int]) -> list[str]:
    total = sum(responses.values())
    noun = "response" if total == 1 else "responses"
    if len(responses) == 1:
        (status,) = responses
        return [f"{total} {noun}, {'all ' if total > 1 else ''}{status} {HTTPStatus(status).phrase}"]
    by_status = ", ".join(f"{number} with {status}" for status, number in sorted(responses.items()))
    return [f"{total} {noun}: {by_status}"] if responses else []


def text_above(text: str) -> str:
    """Return what is above the tables of a file."""
    return HEADING.split(text)[0]


def to_markdown(sections: Mapping[str, Iterable[Row]], above: str = "# Reliability\n") -> str:
    """Return the text of the file: what is above, and a section for each place where tests cause faults."""
    parts = [f"{above.rstrip()}\n"]
    for title, rows in sections.items():
        cells = [f"| {' | '.join(_cell(text) for text in row)} |" for row in rows]
        parts.append("\n".join([f"## {title}\n", COLUMNS, *cells, ""]))
    return "\n".join(parts)


def from_markdown(text: str) -> dict[str, list[Row]]:
    """Return the sections of a file that `to_markdown` wrote."""
    _, *parts = HEADING.split(text)
    return {part.partition("\n")[0]: [_line(row) for row in part.splitlines() if _is_row(row)] for part in parts}


def merge(before: Mapping[str, list[Row]], now: Mapping[str, list[Row]]) -> dict[str, list[Row]]:
    """Return the sections with the rows of `now`; a fault whose test did not run keeps its row."""
    sections = dict(before)
    for title, rows in now.items():
        old = {line.fault: line for line in before.get(title, ())}
        fresh = {line.fault: line if line.measured else old.get(line.fault, line) for line in rows}
        sections[title] = list({**old, **fresh}.values())
    return sections


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _is_row(row: str) -> bool:
    return row.startswith("| ") and row not in COLUMNS.splitlines()


def _line(row: str) -> Row:
    fault, promise, measured = row.removeprefix("| ").removesuffix(" |").split(" | ")
    return Row(fault, promise, measured)
