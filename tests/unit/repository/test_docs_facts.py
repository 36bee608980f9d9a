"""What pages say of the repository is what the repository has."""

from __future__ import annotations

import re
import subprocess
import tomllib
from itertools import dropwhile, takewhile
from typing import TYPE_CHECKING

import pytest
from compatibility.reports import REPORTS
from compatibility.versions import PLATFORMS
from prometheus_client import Counter, Gauge
from support.paths import ROOT
from unit.repository.test_imports import ROOMS

from spanloom.sdk.distro import REPLACED
from spanloom_operator.controller import metrics
from spanloom_operator.score.rules import RULES

if TYPE_CHECKING:
    from pathlib import Path

CODE = re.compile(r"`([^`]+)`")
SKELETON = (
    "docs/architecture.md", "docs/guide.md", "docs/install.md", "services/telemetry/README.md",
    "services/users-api/README.md", "services/users-db-service/README.md",
)  # fmt: skip
"""Pages that end with how to verify the result, and what to do when it is another."""


def _text(page: str) -> str:
    return (ROOT / page).read_text()


def _rows(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, without its first two lines."""
    section = re.split(rf"^##+ {re.escape(heading)}$", _text(page), flags=re.MULTILINE)[1]
    lines = list(takewhile(_is_row, dropwhile(lambda line: not _is_row(line), section.splitlines())))
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]


def _is_row(line: str) -> bool:
    return line.startswith("| ")


def test_the_import_rules_are_those_of_the_tests() -> None:
    """The table of docs/architecture.md and the table that every import is compared with are the same."""
    found = {
        "" if folder == "`__init__`" else folder.strip("`"): {f"spanloom.{name}" for name in CODE.findall(own)}
        | set(CODE.findall(others))
        for folder, _, own, others in _rows("docs/architecture.md", "What each folder may use")
    }
    assert {folder: set(allowed) for folder, allowed in ROOMS.items()} == found


def test_the_layout_names_every_folder() -> None:
    """Each folder of the repository that Git knows is in the table of README.md, or in one that is."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    folders = {name.split("/")[0] for name in listed.splitlines() if "/" in name and not name.startswith(".")}
    named = {match.split("/")[0] for row in _rows("README.md", "Repository layout") for match in _links(row[0])}
    assert folders == named


def test_the_tests_of_reports_exist() -> None:
    """Each test that docs/agent-reports.md names is a function of its file."""
    named = {test for report in REPORTS for test in report.tests}
    split = [test.split("::") for test in sorted(named)]
    assert [] == [function for file, function in split if f"\ndef {function}(" not in _text(f"tests/{file}")]


def _links(cell: str) -> list[str]:
    return re.findall(r"\]\(([^)]+)\)", cell)


def test_the_suites_are_those_of_the_layout() -> None:
    """README.md names the folders of tests, but for their helpers."""
    [row] = [row for row in _rows("README.md", "Repository layout") if row[0].startswith("[tests]")]
    suites = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and not path.name.startswith("_")}
    assert suites - {"support"} == set(CODE.findall(row[1]))


def test_figures_of_the_overhead_are_those_of_the_benchmark() -> None:
    """README.md and docs/comparison.md repeat docs/performance.md."""
    measured = {row[0].strip("*"): row[1].split(" ")[0].strip("*") for row in _rows("docs/performance.md", "Results")}
    compared = {row[0]: row[1] for row in _rows("docs/comparison.md", "Cost")}
    percent = re.findall(r"keeps (\d+) %", _text("README.md"))

    assert {arm: measured[arm] for arm in compared} == compared
    expected = [measured["spanloom, 100 %"], measured["`opentelemetry-instrument`, its defaults"]]
    assert expected == [f"0.{number}" for number in percent]


def test_metrics_of_the_operator_are_those_of_its_code() -> None:
    """docs/operations.md names every metric of the operator, and no other."""
    families = [metric.describe()[0] for metric in vars(metrics).values() if isinstance(metric, (Counter, Gauge))]
    names = {f"{family.name}_total" if family.type == "counter" else family.name for family in families}
    assert names == set(re.findall(r"spanloom_operator_\w+", _text("docs/operations.md")))


def test_rules_of_the_score_are_those_of_its_code() -> None:
    """docs/score.md lists every rule with its impact and promise."""
    impacts = {rule.name: f"{rule.impact.name.title()} ({rule.impact.value})" for rule in RULES}
    assert [[rule.name, impacts[rule.name], rule.promise] for rule in RULES] == _rows("docs/score.md", "Rules")


@pytest.mark.parametrize(
    "lesson", sorted((ROOT / "deploy/demos").glob("*/README.md")), ids=lambda path: path.parent.name
)
def test_a_lesson_leaves_no_process_and_waits_for_a_limited_time(lesson: Path) -> None:
    """Loops of a lesson have an end, and each port-forward is stopped by its process id."""
    text = lesson.read_text()
    forwards = re.findall(r"port-forward .*& (\w+)=\$!$", text, re.MULTILINE)

    assert [] == re.findall(r"^ *(?:until|while) .*|kill %.*", text, re.MULTILINE)
    assert len(re.findall(r"^kubectl .* port-forward ", text, re.MULTILINE)) == len(forwards)
    assert [" ".join(f"${name}" for name in forwards)] * bool(forwards) == re.findall(
        r"^kill (.*)$", text, re.MULTILINE
    )


def test_the_libraries_are_those_that_have_hooks() -> None:
    """services/telemetry/README.md lists every hook by the name that disables it, and what hooks replace."""
    page = "services/telemetry/README.md"
    project = tomllib.loads(_text("services/telemetry/pyproject.toml"))["project"]
    replaced = re.search(r"unless a hook does its work: (.*)\.", _text(page))

    assert set(project["entry-points"]["opentelemetry_instrumentor"]) == {
        row[0].strip("`") for row in _rows(page, "Libraries")
    }
    assert replaced
    assert REPLACED == set(CODE.findall(replaced[1]))


def test_prerequisites_are_those_that_are_tried() -> None:
    """docs/install.md asks for the platforms of docs/compatibility.md and the SDK of pyproject.toml."""
    page = _text("docs/install.md")
    versions = {name: tried for name, tried, _ in PLATFORMS}
    project = tomllib.loads(_text("services/telemetry/pyproject.toml"))["project"]
    [sdk] = [need for need in project["dependencies"] if need.startswith("opentelemetry-sdk")]

    assert f"Python {versions['CPython']}" in page
    assert f"Kubernetes {versions['Kubernetes'].replace(' and', ' or')}" in page
    assert f"Helm {versions['Helm'].split(' ')[0]} or later" in page
    assert f"`{sdk}`" in page


@pytest.mark.parametrize("page", SKELETON)
def test_a_page_ends_with_verify_and_troubleshooting(page: str) -> None:
    """Who follows a page finds at its end how to see that it worked, and where to look if not."""
    headings = re.findall(r"^## (.*)$", _text(page), re.MULTILINE)
    assert ["Verify", "Troubleshooting"] == headings[-2:]
