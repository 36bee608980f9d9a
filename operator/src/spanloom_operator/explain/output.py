"""Explanations as text, JSON or YAML. Nothing is cut: a long line is left to the terminal, as kubectl does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spanloom_operator.explain.explanation import Explanation


def as_json(explanations: Sequence[Explanation]) -> str:
    """Return a JSON array with an object for each workload."""
    return json.dumps([explanation.as_dict() for explanation in explanations], indent=2)


def as_yaml(explanations: Sequence[Explanation]) -> str:
    """Return the same as YAML."""
    dicts = [explanation.as_dict() for explanation in explanations]
    return yaml.safe_dump(dicts, sort_keys=False, allow_unicode=True, width=float("inf")).rstrip()


def as_text(explanations: Sequence[Explanation]) -> str:
    """Return headings and tables for users."""
    return "\n\n".join("\n\n".join(_blocks(explanation)) for explanation in explanations)


def _blocks(explanation: Explanation) -> Iterator[str]:
    yield "\n".join(_heading(explanation))
    if explanation.variables:
        yield table(
            ("CONTAINER", "VARIABLE", "SOURCE", "OWNER", "VALUE"),
            [(row.container, row.name, row.source, row.owner, row.value) for row in explanation.variables],
        )
    if explanation.agent:
        yield table(
            ("CONTAINER", "AGENT", "IMAGE", "DELIVERY", "SOURCE", "OWNER"),
            [(row.container, row.path, row.image, row.delivery, row.source, row.owner) for row in explanation.agent],
        )
    if explanation.skipped:
        yield table(
            ("CONTAINER", "NOT INJECTED", "OWNER", "REASON"),
            [(row.container, row.name or "-", row.owner or "-", row.reason) for row in explanation.skipped],
        )
    if explanation.attributes:
        yield table(
            ("CONTAINER", "RESOURCE ATTRIBUTE", "SOURCE", "VALUE"),
            [(row.container, row.name, row.source, row.value) for row in explanation.attributes],
        )


def _heading(explanation: Explanation) -> Iterator[str]:
    message = f": {explanation.message}" if explanation.message else ""
    kind, name = explanation.kind.lower(), f"{explanation.namespace}/{explanation.name}"
    yield printable(f"{kind} {name}: {explanation.outcome}{message}")
    if explanation.reported:
        yield printable(f"reported by the operator: {explanation.reported}")
    if explanation.operator:
        yield f"operator: {explanation.operator}"
    if explanation.profiles:
        yield f"profiles, first wins: {', '.join(explanation.profiles)}"
    for note in explanation.notes:
        yield printable(f"note: {note}")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return columns as wide as their longest cell, three spaces apart, as kubectl prints them."""
    lines = [head, *([printable(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def printable(text: str) -> str:
    """Return `text` with control characters escaped: a value must not steer the terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
