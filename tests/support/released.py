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
    from collections.abc import Iterator

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
        release.install(**values)
        yield release
    finally:
        release.helm("uninstall", release.name, "--ignore-not-found")


def explained(report: pytest.TestReport, kube: Kube | None) -> pytest.TestReport:
    """Add pods, events and last logs of the namespace to the report of a failure."""
    if report.failed and kube:
        report.sections += [(title, _answer(kube, question)) for title, question in QUESTIONS.items()]
    return report


def _answer(kube: Kube, question: list[str]) -> str:
    try:
        return kube(*question)
    except AssertionError as error:
        return str(error)
