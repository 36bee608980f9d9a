"""Commands of the pages' `sh` blocks, and where each of them is run."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from support.builders.pages import blocks
from support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

LAPTOP, SERVER, CLUSTER, ELSEWHERE = "laptop", "server", "cluster", "elsewhere"
RULES = (
    (r"make setup", ELSEWHERE, "deploy/setup: it made the environment that the tests run in"),
    (r"make demo", ELSEWHERE, "tests/integration/test_demo.py: it runs until Ctrl-C"),
    (r"make (test|lint|format|docs)\b", ELSEWHERE, ".github/workflows/test.yaml: the test run itself"),
    (r"make (bench|test-matrix|reliability|sbom|checkov|golden)", ELSEWHERE, "CONTRIBUTING.md: takes minutes"),
    (r"make (up|down|e2e|bench-operator)\b", ELSEWHERE, "tests/e2e/test_lessons.py: deploy/up is where it starts"),
    (r"make release\b", CLUSTER, "tests/release/test_registry.py"),
    (r"spanloom score ", ELSEWHERE, "tests/integration/test_score.py"),
    (r"(kubectl|helm|curl|spanloom|deploy/package|deploy/production-secrets)\b", CLUSTER, "tests/e2e/test_docs.py"),
    (r"\S+=\S+ deploy/image ", CLUSTER, "tests/e2e/test_docs.py"),
    (r"\S+=\S+ .*deploy/production-secrets", CLUSTER, "tests/e2e/test_charts.py"),
    (r"(for|until) .*", CLUSTER, "tests/e2e/test_docs.py"),
    (r".*\buvicorn ", SERVER, "tests/integration/test_docs_commands.py"),
)
"""Beginning of a command, where it runs, and which file runs it; all others run without a cluster."""
TYPED = {
    "docs/install.md": (
        "Any cluster",
        "One chart alone",
        "Your own service on Kubernetes",
        "Argo CD",
        "Upgrade",
        "Uninstall",
        "Verify",
    ),
    "docs/troubleshooting.md": ("The label has no effect", "RolledBack"),
}
"""Sections whose commands tests/e2e/test_docs.py types on a cluster, `Any cluster` tests/release."""
NOT_TYPED = {
    "README.md": "as in deploy/demos/label-a-deployment, which tests/e2e/test_lessons.py types",
    "docs/explain.md": "docs/generator runs the page's other commands; tests/unit/operator/explain asks a server",
    "docs/operations.md": "production, whose Secrets it renews, is installed by no test: tests/e2e/test_charts.py",
    "docs/otelinjection.md": "tests/e2e/operator/test_injection.py runs them on Deployments of its own",
    "docs/install.md": "tests/charts/test_docs.py renders their values; Production needs CloudNativePG and OpenSearch",
    "helm/": "tests/e2e/test_charts.py and test_release.py install the charts into namespaces of their own",
    "operator/README.md": "as in docs/install.md, One chart alone; explain -f as in tests/unit/operator/explain",
}
"""Why the other commands of a page, or of pages in a folder, that need a cluster are not typed there."""
LESSONS = "deploy/demos/"
CONTINUATION = re.compile(r"\\\n\s*")
LOOP = re.compile(r"^(?:for|until|while) .*?^done$", re.MULTILINE | re.DOTALL)


class Script(NamedTuple):
    """The commands of one block, in order."""

    page: str
    heading: str
    commands: tuple[str, ...]

    def of(self, *places: str) -> list[str]:
        """Return the commands that run at one of the places."""
        return [command for command in self.commands if place_of(command) in places]

    def __str__(self) -> str:
        return f"{self.page}-{self.heading or 'top'}"


def place_of(command: str) -> str:
    """Return where a command is run."""
    return next((place for pattern, place, _ in RULES if re.match(pattern, command)), LAPTOP)


def scripts() -> list[Script]:
    """Return every `sh` block of the repository's pages; lessons are run whole by tests/e2e/test_lessons.py."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    pages = [page for page in sorted(set(listed)) if (ROOT / page).is_file() and not page.startswith(LESSONS)]
    return [
        Script(page, block.heading, tuple(_commands(block.text)))
        for page in pages
        for block in blocks(page)
        if block.language == "sh"
    ]


def _commands(text: str) -> Iterator[str]:
    """Yield the commands of a block; a loop is one command."""
    joined = LOOP.sub(lambda found: found[0].replace("\n", "\0"), CONTINUATION.sub("", text))
    lines = (line.replace("\0", "\n") for line in joined.splitlines())
    yield from (line for line in lines if line.strip() and not line.startswith("#"))


def section(heading: str, page: str = "docs/install.md") -> str:
    """Return the commands of a section that need a cluster."""
    assert heading in TYPED[page]
    found = [script for script in scripts() if (script.page, script.heading) == (page, heading)]
    assert found, heading
    return "\n".join(command for script in found for command in script.of(CLUSTER))
