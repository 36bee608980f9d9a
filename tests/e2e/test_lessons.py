"""`make up`, then every command of the lessons in deploy/demos, and of one breakage; `make breakages` for all."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from support.builders.breakage_paths import PATHS, matches, page_of, trees_of
from support.builders.pages import blocks
from support.cluster.kube import Kube
from support.paths import ROOT
from support.polling import poll_until
from support.processes.typed import typed

from spanloom.testing import assert_shape
from spanloom_local.breakages import BREAKAGES
from spanloom_local.cluster import forwarded, found_in_jaeger, wait_for_trace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.builders import breakage_paths

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

IN_THE_GATE = "n-plus-one"
"""The breakage that runs without --whole: it mounts a module and changes one service, as most do."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try one breakage, or every breakage with --whole."""
    if "breakage" in metafunc.fixturenames:
        metafunc.parametrize("breakage", BREAKAGES if metafunc.config.getoption("--whole") else [IN_THE_GATE])


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


def replaced(kube: Kube) -> bool:
    """Return whether no pod of the services is left from before a rollout."""
    pods = kube.get("pods", "--selector=app.kubernetes.io/name in (users-api,users-db-service)")["items"]
    return not any("deletionTimestamp" in pod["metadata"] for pod in pods)


def assert_healthy(path: breakage_paths.Path, edge: str, jaeger: str) -> None:
    """Send the requests of a path; each has its usual trace in Jaeger."""
    for response in path.request(edge):
        trace = wait_for_trace(jaeger, response, len(path.healthy.tree.splitlines()))
        assert_shape(trace, path.healthy.tree)
        assert not path.is_evident(trace), trace.tree()


def assert_evident(name: str, edge: str, jaeger: str) -> None:
    """Send the requests of a path; one of them has in Jaeger the tree of the page, with its evidence."""
    responses, path, tree = PATHS[name].request(edge), PATHS[name], trees_of(name)[0]

    def is_as_the_page_says() -> bool:
        traces = filter(None, (found_in_jaeger(jaeger, response) for response in responses))
        return any(path.is_evident(trace) and matches(tree, trace) for trace in traces)

    poll_until(is_as_the_page_says, f"Jaeger has a trace as on the page of {name}", 60)


def test_a_breakage_is_caused_followed_and_repaired(breakage: str, spanloom: Kube) -> None:
    """The first command of a page causes what the page shows in Jaeger, the second one ends it."""
    cause, repair = [block.text for block in blocks(page_of(breakage)) if block.language == "sh"]
    with forwarded("spanloom", "spanloom-jaeger", 16686) as jaeger:
        for command, is_broken in ((cause, True), (repair, False)):
            typed(command)
            poll_until(lambda: replaced(spanloom), "the pods of before are deleted", 90)
            with forwarded("spanloom", "spanloom-users-api", 8000) as edge:
                assert_evident(breakage, edge, jaeger) if is_broken else assert_healthy(PATHS[breakage], edge, jaeger)
