"""The tables of docs/reliability.md, made of the rows of the fault suites."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HEAD = """\
# Reliability

The faults that the tests cause, the promised behaviour, and the measurement of the last run. Written by the fault
suites: `make reliability`, and with a cluster `make reliability ARGS=tests/e2e/faults`. Responses are counted by the
client, spans by the receiver, each once.
"""
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


def to_markdown(sections: Mapping[str, Iterable[Row]]) -> str:
    """Return the text of the file: a section for each place where tests cause faults."""
    parts = [HEAD]
    for title, rows in sections.items():
        cells = [f"| {' | '.join(_cell(text) for text in row)} |" for row in rows]
        parts.append("\n".join([f"## {title}\n", COLUMNS, *cells, ""]))
    return "\n".join(parts)


def from_markdown(text: str) -> dict[str, list[Row]]:
    """Return the sections of a file that `to_markdown` wrote."""
    _, *parts = text.split("\n## ")
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
