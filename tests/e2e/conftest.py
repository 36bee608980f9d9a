"""The umbrella, installed once into a namespace of its own in the current cluster; on failure, what it has to say."""

from __future__ import annotations

import subprocess
import uuid
from typing import TYPE_CHECKING

import pytest
from e2e.release import ROOT, Release
from support.kube import Kube

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

SHOWN: pytest.StashKey[Kube] = pytest.StashKey()
RESTRICTED = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn", "audit")]
QUESTIONS = {
    "pods": ["get", "pods", "--output=wide"],
    "events": ["events"],
    "last logs": ["logs", "--selector=app.kubernetes.io/part-of=spanloom", "--all-containers", "--prefix", "--tail=30"],
}


@pytest.fixture(scope="session")
def images() -> None:
    """Build the images and load them into the nodes."""
    done = subprocess.run([ROOT / "deploy" / "images"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(done.stderr.strip(), pytrace=False)


@pytest.fixture(scope="session")
def release(images: None, request: pytest.FixtureRequest) -> Iterator[Release]:
    """Install the umbrella into a new namespace that enforces Pod Security `restricted`."""
    release = Release(Kube(f"e2e-{uuid.uuid4().hex[:6]}"))
    release.kube("create", "namespace", release.name)
    request.config.stash[SHOWN] = release.kube
    release.kube("label", "namespace", release.name, *RESTRICTED)
    try:
        release.install()
        yield release
    finally:
        release.helm("uninstall", release.name, "--ignore-not-found")
        release.kube("delete", "namespace", release.name, "--wait=false")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add pods, events and last logs to the report of a failure."""
    report = yield
    kube = item.config.stash.get(SHOWN, None)
    if report.failed and kube and "release" in getattr(item, "fixturenames", ()):
        report.sections += [(title, _answer(kube, question)) for title, question in QUESTIONS.items()]
    return report


def _answer(kube: Kube, question: list[str]) -> str:
    try:
        return kube(*question)
    except AssertionError as error:
        return str(error)
