"""Every branch of every template has a ci case: what no case renders, no golden shows and nobody reviewed."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TYPE_CHECKING

import pytest
from charts.rendering import HELM, charts, need, template

if TYPE_CHECKING:
    from pathlib import Path

ACTION = re.compile(r"\{\{-?\s*(if|with|range|else if|else|end|define|block)\b.*?\}\}", re.DOTALL)


def _ends(text: str) -> list[int]:
    """Return where branches begin: after each if, with, range and else, and before an `end` without an else."""
    branches: list[int] = []
    stack: list[str] = []
    for action in ACTION.finditer(text):
        word = action[1]
        if word == "end":
            opened = stack.pop()
            if opened in ("if", "with"):  # the branch not written: nothing
                branches.append(-action.start())
        elif word.startswith("else"):
            branches.append(action.end())
            stack[-1] = "if" if word == "else if" else "else"
        else:
            stack.append(word)
            if word in ("if", "with", "range"):
                branches.append(action.end())
    return branches


def _mutant(text: str, branch: int) -> str:
    """Return the template with its branch made to fail when it is taken."""
    if branch < 0:
        return f'{text[:-branch]}{{{{ else }}}}{{{{ fail "TAKEN" }}}}{text[-branch:]}'
    return f'{text[:branch]}{{{{ fail "TAKEN" }}}}{text[branch:]}'


def _taken(chart: Path, path: Path, text: str, branch: int) -> bool:
    """Tell whether any ci case of the chart takes the branch."""
    path.write_text(_mutant(text, branch))
    try:
        return any(
            "TAKEN" in template(chart, f"--values={values}").stderr
            for values in sorted((HELM / chart.name / "ci").glob("*.yaml"))
        )
    finally:
        path.write_text(text)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("chart", [chart for chart in charts() if chart != "spanloom"])
def test_every_branch_has_a_case(chart: str, tmp_path: Path) -> None:
    """For each if, else, with and range there is a ci case that takes it, and one that passes it by."""
    need("helm")
    templates = [p for p in sorted((HELM / chart / "templates").rglob("*")) if p.suffix in (".yaml", ".tpl")]
    copies = count()

    def missed(path: Path) -> list[str]:
        copy = tmp_path / str(next(copies)) / chart
        shutil.copytree(HELM / chart, copy)  # follows the link to the library
        text = path.read_text()
        target = copy / path.relative_to(HELM / chart)
        return [
            f"{path.name}:{text.count(chr(10), 0, abs(branch)) + 1} {'passed by' if branch < 0 else 'taken'}"
            for branch in _ends(text)
            if not _taken(copy, target, text, branch)
        ]

    with ThreadPoolExecutor(max_workers=2) as pool:
        lines = [line for lines in pool.map(missed, templates) for line in lines]
    assert "" == "\n".join(lines)
