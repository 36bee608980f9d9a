"""The command `spanloom cleanup`: its help, and what is wrong with a kubeconfig."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from spanloom_operator.cli import app

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "kubeconfig {file}: No such file or directory; set KUBECONFIG"),
        ("{current-context: kind, contexts: []}", "kubeconfig: no entry 'kind'"),
        ("a: b: c", "kubeconfig: not YAML"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_one_line(
    text: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing file, a missing entry and what is not YAML are one line and status 1."""
    file = tmp_path / "config"
    if text is not None:
        file.write_text(text)
    monkeypatch.setenv("KUBECONFIG", str(file))

    done = CliRunner().invoke(app, ["cleanup"], catch_exceptions=False)

    assert (1, f"spanloom: {expected.format(file=file)}\n") == (done.exit_code, done.stderr)


def test_the_help_names_the_extent() -> None:
    """The help says that without --installation every operator of the cluster is concerned."""
    done = CliRunner().invoke(app, ["cleanup", "--help"], catch_exceptions=False)

    assert "Without --installation this concerns every operator of the cluster" in " ".join(done.stdout.split())
