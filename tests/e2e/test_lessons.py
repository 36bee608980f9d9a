"""`make up`, then every command of the lessons in deploy/demos."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from support.builders.pages import blocks
from support.cluster.kube import Kube
from support.paths import ROOT
from support.processes.typed import typed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(600)

LESSONS = sorted((ROOT / "deploy" / "demos").glob("*/README.md"))
# Parts of the output, in this order
SEEN = {
    "collector-away": ["0 traces", "roll out complete", "1 traces"],
    "fewer-spans": ["insert_user", "GET /users\nGET\nGET /users\nSELECT users\n", "env updated"],
    "follow-a-request": [
        "Grace Hopper",
        '"message": "POST /users"',
        "POST /users\ncreate_user\nPOST\nPOST /users\ninsert_user\nINSERT users\n",
        "trace_id=",
    ],
    "label-a-deployment": ["Injected", "OTEL_SERVICE_NAME=shop", "deleted"],
    "trace-any-image": ["agent: ", '{"number":7}', "GET /orders/<int:number>", "as before", "deleted"],
}


@pytest.fixture(scope="module")
def spanloom() -> Iterator[Kube]:
    """Install the start of the lessons with deploy/up; an existing namespace is kept."""
    kube = Kube("spanloom")
    before = kube("get", "namespace", "spanloom", "--ignore-not-found")
    done = subprocess.run([ROOT / "deploy" / "up"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "INSERT users" in done.stdout
    yield kube
    if not before:
        kube.run("helm", "uninstall", "spanloom", "--wait", "--timeout=3m")
        kube("delete", "namespace", "spanloom")


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.parent.name)
def test_every_command_works(lesson: Path, spanloom: Kube) -> None:
    """The commands of a lesson succeed in one shell and print what the lesson states."""
    commands = "\n".join(block.text for block in blocks(str(lesson.relative_to(ROOT))) if block.language == "sh")
    output = typed(commands)

    rest = output
    for text in SEEN[lesson.parent.name]:
        assert text in rest, output
        rest = rest.partition(text)[2]
