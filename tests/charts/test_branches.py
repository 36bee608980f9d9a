"""Every branch of every template has a ci case, so that a golden file shows it and a reviewer has seen it."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TYPE_CHECKING

import pytest
from charts.rendering import HELM, Case, cases, charts, require, template

if TYPE_CHECKING:
    from pathlib import Path

# Checks against objects of a cluster: tests/e2e/test_charts.py
NEEDS_CLUSTER = ("_cluster.tpl", "secret.yaml")
# Charts whose cases render the library, chosen because they render fast
PROXIES = ("jaeger", "otel-collector", "postgres", "users", "victoria-logs")
REFUSAL = re.compile(r"\s*\{\{-? fail ")  # tested by REFUSED in test_rendering.py: a case renders
ACTION = re.compile(r"\{\{-?\s*(if|with|range|else if|else|end|define|block)\b.*?\}\}", re.DOTALL)


def _ends(text: str) -> list[int]:
    """Return where branches begin: after each if, with, range and else, and before an `end` without an else."""
    branches: list[int] = []
    stack: list[str] = []
    for action in ACTION.finditer(text):
        word = action[1]
        if word == "end":
            opened = stack.pop()
            if opened in ("if", "with"):  # a branch without text
                branches.append(-action.start())
        elif word.startswith("else"):
            branches.append(action.end())
            stack[-1] = "if" if word == "else if" else "else"
        else:
            stack.append(word)
            if word in ("if", "with", "range") and not REFUSAL.match(text, action.end()):
                branches.append(action.end())
    return branches


def _mutant(text: str, branch: int) -> str:
    """Return the template with a failure in this branch."""
    if branch < 0:
        return f'{text[:-branch]}{{{{ else }}}}{{{{ fail "TAKEN" }}}}{text[-branch:]}'
    return f'{text[:branch]}{{{{ fail "TAKEN" }}}}{text[branch:]}'


def _taken(helm: Path, path: Path, text: str, branch: int, tried: list[Case]) -> bool:
    """Return whether a case takes the branch; put that case first, since it may take the next branch, too."""
    path.write_text(_mutant(text, branch))
    try:
        for case in tried:
            if "TAKEN" in template(helm / case.chart, *case.arguments).stderr:
                tried.remove(case)
                tried.insert(0, case)
                return True
        return False
    finally:
        path.write_text(text)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("chart", [*(chart for chart in charts() if chart != "spanloom"), "common"])
def test_every_branch_has_a_case(chart: str, tmp_path: Path) -> None:
    """Each if, else, with and range has a ci case that takes it, and one that does not."""
    require("helm")
    paths = sorted((HELM / chart / "templates").rglob("*"))
    templates = [path for path in paths if path.suffix in (".yaml", ".tpl") and path.name not in NEEDS_CLUSTER]
    copies = count()

    def missed(path: Path) -> list[str]:
        helm = tmp_path / str(next(copies)) / "helm"
        shutil.copytree(HELM, helm, symlinks=True)
        (helm.parent / "deploy").symlink_to(HELM.parent / "deploy")  # whose files the chart of the services links
        text = path.read_text()
        target = helm / path.relative_to(HELM)
        tried = [case for case in cases() if case.chart in (chart, *(PROXIES if chart == "common" else ()))]
        return [
            f"{path.name}:{text.count(chr(10), 0, abs(branch)) + 1} {'passed by' if branch < 0 else 'taken'}"
            for branch in _ends(text)
            if not _taken(helm, target, text, branch, tried)
        ]

    with ThreadPoolExecutor(max_workers=2) as pool:
        lines = [line for lines in pool.map(missed, templates) for line in lines]
    assert "" == "\n".join(lines)
