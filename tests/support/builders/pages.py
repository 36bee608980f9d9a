"""Parts of the project's Markdown pages."""

from __future__ import annotations

import re
from functools import cache
from textwrap import dedent
from typing import TYPE_CHECKING, NamedTuple

from support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

FENCE = re.compile(r"^ *(```+)(\w*)\n(.*?)^ *\1$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(##+) (.*)$", re.MULTILINE)
ANYTHING = "…"


class Block(NamedTuple):
    """A fenced block of a page: its language, its text, and the heading above it."""

    page: str
    heading: str
    language: str
    text: str


@cache
def blocks(page: str) -> tuple[Block, ...]:
    """Return the fenced blocks of a page, named from the root of the repository."""
    return tuple(_blocks(page, (ROOT / page).read_text()))


def _blocks(page: str, text: str) -> Iterator[Block]:
    headings = [(found.start(), found[2]) for found in HEADING.finditer(FENCE.sub(_blank, text))]
    for found in FENCE.finditer(text):
        above = [heading for start, heading in headings if start < found.start()]
        yield Block(page, above[-1] if above else "", found[2], dedent(found[3]))


def _blank(found: re.Match[str]) -> str:
    """Keep positions, and hide comments of code that look like headings."""
    return " " * len(found[0])


def quoted_lines(page: str) -> list[str]:
    """Return the lines of a page's `text` blocks: messages of programs, in which … stands for what differs."""
    return [line for block in blocks(page) if block.language == "text" for line in block.text.splitlines()]


def is_printed(quoted: str, output: str) -> bool:
    """Return whether a line of the output contains what a page quotes."""
    pattern = re.compile(".*".join(map(re.escape, quoted.split(ANYTHING))))
    return any(pattern.search(line) for line in output.splitlines())
