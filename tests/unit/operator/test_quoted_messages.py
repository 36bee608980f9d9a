"""Messages of the operator that docs/troubleshooting.md quotes are those of its code."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest
from support.builders.pages import ANYTHING, blocks
from support.source import modules, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADINGS = ("The label has no effect", "RolledBack", "Conflict")
QUOTED = [
    line
    for block in blocks("docs/troubleshooting.md")
    if block.heading in HEADINGS and block.language == "text"
    for line in block.text.splitlines()
]


def _texts(tree: ast.Module) -> Iterator[str]:
    """Yield every text of a module, with … for what is formatted into it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else ANYTHING for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value.replace("%s", ANYTHING)


TEXTS = [text for path in modules("spanloom_operator").values() for text in _texts(parsed(path))]


@pytest.mark.parametrize("quoted", QUOTED)
def test_a_quoted_message_is_made_of_texts_of_the_code(quoted: str) -> None:
    """Each part of the line between two placeholders, or around "; ", is in one text of the operator."""
    parts = [part.strip(f" {ANYTHING}") for part in re.split(r"; (?=reapplied)|: kubectl", quoted)]
    patterns = [re.compile(".*".join(map(re.escape, part.split(ANYTHING)))) for part in parts if part]

    assert [] == [pattern.pattern for pattern in patterns if not any(map(pattern.search, TEXTS))]


def test_the_page_quotes_the_operator() -> None:
    """A changed heading cannot pass for a page without quotations."""
    assert len(QUOTED) == 8
