"""docs/reliability.md: the table that the lines of the fault suite make."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HEAD = """\
# Reliability

What breaks, what is promised then, and what was counted when the fault was caused for real. Made by the fault suite
itself: `make reliability`, and with a cluster `make reliability ARGS=tests/e2e/faults`. Requests and answers
are counted at the client, spans where they are received, each once.
"""
COLUMNS = "| fault | promise | measured |\n| --- | --- | --- |"


class Line(NamedTuple):
    """One row: the fault, what is promised, and what was counted (empty until the test has run)."""

    fault: str
    promise: str
    measured: str = ""


def counted(answers: Mapping[int, int], sent: int, found: int, *more: str) -> str:
    """Return what was counted as a person reads it: answers by status, spans sent and found."""
    by_status = ", ".join(f"{number} of {status}" for status, number in sorted(answers.items()))
    requests = [f"answers: {by_status}"] if answers else []
    spans = [f"spans: {sent} sent, {found} found"] if sent else []
    return "; ".join([*requests, *spans, *more])


def written(sections: Mapping[str, Iterable[Line]]) -> str:
    """Return the text of the file: a section for each place where faults are caused."""
    parts = [HEAD]
    for title, lines in sections.items():
        rows = [f"| {' | '.join(_cell(text) for text in line)} |" for line in lines]
        parts.append("\n".join([f"## {title}\n", COLUMNS, *rows, ""]))
    return "\n".join(parts)


def read(text: str) -> dict[str, list[Line]]:
    """Return the sections of a file that `written` made."""
    _, *parts = text.split("\n## ")
    return {part.partition("\n")[0]: [_line(row) for row in part.splitlines() if _is_row(row)] for part in parts}


def merged(before: Mapping[str, list[Line]], now: Mapping[str, list[Line]]) -> dict[str, list[Line]]:
    """Return the sections with the lines of `now` in place of those of the same fault; what did not run stays."""
    sections = dict(before)
    for title, lines in now.items():
        known = {line.fault: line for line in before.get(title, ())}
        fresh = {line.fault: line if line.measured else known.get(line.fault, line) for line in lines}
        sections[title] = list({**known, **fresh}.values())
    return sections


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _is_row(row: str) -> bool:
    return row.startswith("| ") and row not in COLUMNS.splitlines()


def _line(row: str) -> Line:
    fault, promise, measured = row.removeprefix("| ").removesuffix(" |").split(" | ")
    return Line(fault, promise, measured)
