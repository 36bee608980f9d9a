"""Links of every Markdown page lead somewhere."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

FENCE = re.compile(r"^(```+).*?^\1", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def _pages() -> list[str]:
    """Return every Markdown file that Git knows or would add; linked charts are found where they are kept."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return sorted(name for name in set(listed) if (ROOT / name).is_file())


PAGES = _pages()


@cache
def _text(page: Path) -> str:
    """Return a page without its blocks of code."""
    return FENCE.sub("", page.read_text())


@cache
def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(_text(page)))
    return {word.strip().replace(" ", "-") for word in words}


def _leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = unquote(link).partition("#")
    target = page.parent / path if path else page
    return target.exists() and (not anchor or (target.suffix == ".md" and anchor in _anchors(target)))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Every relative link names a file or folder of the repository, every anchor a heading."""
    links = [link for link in LINK.findall(_text(ROOT / page)) if not link.startswith(("http://", "https://"))]
    assert [] == [link for link in links if not _leads_somewhere(ROOT / page, link)]


def test_every_page_is_in_the_index() -> None:
    """docs/README.md links every page of docs, and the README of every part."""
    wanted = {page for page in PAGES if page.startswith("docs/") or page.endswith("/README.md")}
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in LINK.findall(_text(index))}
    missing = {page for page in wanted if (ROOT / page).resolve() not in linked}
    assert set() == {page for page in missing if not page.startswith(("docs/README.md", "deploy/demos/", "tests/"))}


def test_the_pages_are_found() -> None:
    """A changed layout cannot pass for pages without links."""
    assert {"README.md", "docs/install.md", "services/telemetry/README.md"} <= set(PAGES)
