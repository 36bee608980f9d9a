"""The wheels of a release, installed where nothing of the repository is in reach."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from support.builders.deployments import deployment
from support.paths import ROOT
from support.processes.environments import UV

from spanloom_operator.names import INJECT_LABEL

if TYPE_CHECKING:
    from pathlib import Path

VERSION = "1.2.3"
UVX = UV.with_name("uvx")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheels as a release does."""
    folder = tmp_path_factory.mktemp("wheels")
    subprocess.run([ROOT / "deploy/wheels", VERSION, folder], check=True)
    return folder


def _run(wheels: Path, folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command in an empty folder, with the wheels beside the package index."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    environ["UV_FIND_LINKS"] = str(wheels)
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


def test_a_release_has_a_wheel_of_every_package(wheels: Path) -> None:
    """All of one version and named after the project: other names may belong to others on a public index."""
    names = ["spanloom", "spanloom_local", "spanloom_operator", "spanloom_users_api", "spanloom_users_db_service"]
    found = sorted(file.name for file in wheels.glob("*.whl"))
    assert [f"{name}-{VERSION}-py3-none-any.whl" for name in names] == found


def test_the_demo_runs_without_a_clone(wheels: Path, tmp_path: Path) -> None:
    """`uvx spanloom-local --once` shows the journey, and leaves nothing in the folder."""
    done = _run(wheels, tmp_path, UVX, "spanloom-local", "--once")
    assert (0, "") == (done.returncode, done.stderr if done.returncode else "")
    assert "INSERT users" in done.stdout
    assert [] == list(tmp_path.iterdir())


def test_the_command_of_the_operator_runs_without_a_clone(wheels: Path, tmp_path: Path) -> None:
    """`uvx --from spanloom-operator spanloom explain` reads a manifest."""
    (tmp_path / "shop.json").write_text(json.dumps(deployment(labels={INJECT_LABEL: "true"})))
    command = (UVX, "--from", "spanloom-operator", "spanloom", "explain", "--local", "-f", "shop.json")
    done = _run(wheels, tmp_path, *command)
    assert (0, True) == (done.returncode, "OTEL_SERVICE_NAME" in done.stdout)


def test_the_distribution_is_installed_by_pip(wheels: Path, tmp_path: Path) -> None:
    """`pip install spanloom` brings opentelemetry-instrument, which selects the distribution by its variable."""
    home = tmp_path / "home"
    subprocess.run([UV, "venv", "--quiet", "--seed", home], check=True)
    pip = [home / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]
    assert 0 == _run(wheels, tmp_path, *pip, f"--find-links={wheels}", "spanloom").returncode
    program = "import spanloom, importlib.metadata as metadata; print(metadata.version('spanloom'), spanloom.__file__)"
    done = _run(wheels, tmp_path, home / "bin/opentelemetry-instrument", home / "bin/python", "-c", program)
    version, file = done.stdout.split()
    assert (VERSION, True) == (version, file.startswith(str(home)))
