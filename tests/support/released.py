"""A release of the umbrella in a new namespace, and what that namespace has to say when a test fails."""

from __future__ import annotations

import subprocess
import uuid
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import pytest
from e2e.release import ROOT, Release
from support.kube import Kube

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from support.kube import Object

RESTRICTED = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn", "audit")]
QUESTIONS = {
    "pods": ["get", "pods", "--output=wide"],
    "events": ["events"],
    "last logs": ["logs", "--selector=app.kubernetes.io/part-of=spanloom", "--all-containers", "--prefix", "--tail=30"],
}


@cache
def load_images() -> None:
    """Build the images and load them into the nodes, once."""
    done = subprocess.run([ROOT / "deploy" / "images"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(done.stderr.strip(), pytrace=False)


@contextmanager
def new_namespace(prefix: str) -> Iterator[Kube]:
    """Make a namespace that enforces Pod Security `restricted`, and delete it in the end."""
    kube = Kube(f"{prefix}-{uuid.uuid4().hex[:6]}")
    kube("create", "namespace", kube.namespace)
    kube("label", "namespace", kube.namespace, *RESTRICTED)
    try:
        yield kube
    finally:
        kube("delete", "namespace", kube.namespace, "--wait=false")


@contextmanager
def released(kube: Kube, **values: Object) -> Iterator[Release]:
    """Install the umbrella with these values of its parts, and uninstall it in the end."""
    load_images()
    release = Release(kube)
    try:
        _install(release, values)
        yield release
    finally:
        release.helm("uninstall", release.name, "--ignore-not-found")


def _install(release: Release, values: Object) -> None:
    """Install, and let the namespace explain a failure before it is gone."""
    try:
        release.install(**values)
    except AssertionError as error:
        for title, answer in _answers(release.kube):
            error.add_note(f"{title}:\n{answer}")
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what a test's release has to say to the report of its failure; for a conftest to import."""
    report = yield
    release = getattr(item, "funcargs", {}).get("release")
    if report.failed and release:
        report.sections += _answers(release.kube)
    return report


def _answers(kube: Kube) -> list[tuple[str, str]]:
    """Return pods, events and last logs of the namespace, each under its title."""
    return [(title, _answer(kube, question)) for title, question in QUESTIONS.items()]


def _answer(kube: Kube, question: list[str]) -> str:
    try:
        return kube(*question)
    except AssertionError as error:
        return str(error)
