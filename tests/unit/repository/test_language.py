"""The words of the project are those of its field: texts and names avoid the words of a list."""

from __future__ import annotations

import io
import re
import tokenize
from typing import TYPE_CHECKING

from support.paths import ROOT
from support.source import text_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UNREAD = ("LICENSE", "uv.lock", "tests/charts/golden/", "tests/unit/repository/test_language.py")
"""Files that are not texts of the project, and the list itself."""
TEXTS = {".md", ".txt", ".yaml", ".tpl", ".json", ".toml", ".sh", ".html", ".js", ".css", ""}
WORDS = {
    r"told|tells?": "record, report, print, return, contain",
    r"strangers?": "untrusted caller, unrelated pod",
    r"neighbours?": "other service, other namespace",
    r"(?:some|any|no)body(?!\")|who ?ever": "name the actor",
    r"persons?": "user",
    r"mend(?:s|ed|ing)?": "fix, repair, reapply",
    r"anew": "again",
    r"obey(?:s|ed|ing)?": "trust, follow, continue",
    r"put(?:s|ting)? off|put_off": "defer",
    r"hang(?:s)? up|hung up": "close the connection",
    r"as ever|all the same|for good": "say what happens",
    r"held (?:by|to)|holds? to": "test, check, compare, limit",
    r"half[- ]way|mid-request|half characters?|half a character": "during, before its commit, lone surrogate",
    r"scrub(?:bed|ber|s)?|withheld|disclosable|discreet|stand-ins?|masked": "redact",
    r"rehearsals?|restraint|fares?|forgiven": "dry run, rate limiting, status",
    r"twins?|beside what|beside it": "name the relation",
    r"notices? nothing|never notices?|unnoticed": "unaffected",
    r"(?:take|takes|taken|took) (?:it |them |that |everything )?(?:back|away)": "remove, withdraw",
    r"knows? (?:nothing|of)|says? nothing": "contains no",
    r"answer(?:s|ed|ing)?": "response, respond; is reachable",
    r"go(?:es)? on|going on": "continue",
    r"(?:is|are|was|were|has|have) (?:gone|away)|carriers?": "ended, deleted, down; required span",
    r"dial(?:s|led)?|people|by its own words": "connect to, users",
    r"the rooms|ways of the house": "layout, design rules",
    r"answers?: \d+ of \d+": "N responses, all 200 OK",
    r"describe_later|quiet_paths|until_timeout|most_ways|second_look|left_?out\(": "the names of the style guide",
}
"""Pattern of words to avoid, and what to write instead."""
PATTERN = re.compile("|".join(rf"(?<![\w-])(?:{words})(?![\w-])" for words in WORDS), re.IGNORECASE)


def files() -> list[Path]:
    """Return the text files of the repository, without the unread ones."""
    names = {path: str(path.relative_to(ROOT)) for path in text_files()}
    return [path for path, name in names.items() if not name.startswith(UNREAD)]


def words_of_python(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of comments, strings and names; underscores in names are spaces."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in {tokenize.COMMENT, tokenize.STRING}:
            yield token.start[0], token.string
        elif token.type == tokenize.NAME:
            yield token.start[0], token.string.replace("_", " ")


def found(path: Path) -> list[str]:
    """Return the words to avoid in a file, each with its line."""
    text = path.read_text(errors="replace")
    parts = words_of_python(text) if path.suffix == ".py" else enumerate(text.splitlines(), 1)
    return [
        f"{path.relative_to(ROOT)}:{line + part[: match.start()].count(chr(10))}: {match[0]}"
        for line, part in parts
        for match in PATTERN.finditer(part)
    ]


def test_texts_use_the_words_of_the_field() -> None:
    """No text, message, docstring, comment or name contains a word of the list."""
    texts = [path for path in files() if path.suffix in TEXTS | {".py"}]
    assert [] == [hit for path in texts for hit in found(path)]


def test_the_words_are_found_in_names_comments_and_strings(tmp_path: Path) -> None:
    """The check reads Python names, comments and docstrings, and every line of other texts."""
    path = tmp_path / "module.py"
    path.write_text('"""Mended."""\n\n\ndef a_stranger() -> None:  # told\n    return None\n')
    assert ["Mended", "stranger", "told"] == [match[0] for _, part in words_of_python(path.read_text())
                                              for match in PATTERN.finditer(part)]  # fmt: skip
