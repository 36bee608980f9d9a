"""Environments of the arms."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bench import homes
from bench.arms import choose

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_peer_that_does_not_install_is_left_out_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others run all the same, and the reason is the installer's own."""
    (tmp_path / "ddtrace.txt").write_text("spanloom-peer-that-is-nowhere==1\n")
    monkeypatch.setattr(homes, "PEERS", tmp_path)
    monkeypatch.setattr(homes, "HOMES", tmp_path / "homes")
    monkeypatch.setenv("UV_OFFLINE", "1")
    arm = next(arm for arm in choose(["ddtrace"]) if arm.name == "ddtrace")
    left, reasons = homes.installed([arm])
    assert left == []
    assert "spanloom-peer-that-is-nowhere" in reasons["ddtrace"]
    shutil.rmtree(tmp_path / "homes")


def test_peers_see_the_source_of_the_services_and_no_metadata_of_ours() -> None:
    """opentelemetry-instrument would load spanloom's entry points in an arm that is not spanloom's."""
    sources = homes.home_of("contrib").environment["PYTHONPATH"].split(":")
    assert [path for path in homes.SOURCES if not path.is_dir()] == []
    assert sources == [str(path) for path in homes.SOURCES]
    assert homes.home_of("shipped").environment == {}
