"""Environments of the arms."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bench import environments
from bench.arms import choose

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_peer_that_cannot_be_installed_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other arms run, and the reason is the installer's error."""
    (tmp_path / "ddtrace.txt").write_text("spanloom-peer-that-is-nowhere==1\n")
    monkeypatch.setattr(environments, "PEERS", tmp_path)
    monkeypatch.setattr(environments, "HOMES", tmp_path / "homes")
    monkeypatch.setenv("UV_OFFLINE", "1")
    arm = next(arm for arm in choose(["ddtrace"]) if arm.name == "ddtrace")
    left, reasons = environments.installed([arm])
    assert left == []
    assert "spanloom-peer-that-is-nowhere" in reasons["ddtrace"]
    shutil.rmtree(tmp_path / "homes")


def test_peers_see_no_metadata_of_the_services() -> None:
    """With the metadata, opentelemetry-instrument would load spanloom's entry points in every arm."""
    sources = environments.home_of("contrib").environment["PYTHONPATH"].split(":")
    assert [path for path in environments.SOURCES if not path.is_dir()] == []
    assert sources == [str(path) for path in environments.SOURCES]
    assert environments.home_of("shipped").environment == {}


def test_the_operators_packages_surround_the_path_of_the_application() -> None:
    """The layout's sitecustomize comes first, its packages last, as the operator's webhook writes it."""
    first, *own, last = environments.home_of("operators-layout").environment["PYTHONPATH"].split(":")
    assert own == [str(path) for path in environments.SOURCES]
    assert first == f"{last}/opentelemetry/instrumentation/auto_instrumentation"
