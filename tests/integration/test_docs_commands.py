"""Every command of the pages that needs no cluster is run as it is printed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.builders.applications import SHOP
from support.builders.pages import quoted_lines
from support.builders.shell import CLUSTER, LAPTOP, NOT_TYPED, RULES, SERVER, TYPED, Script, scripts
from support.paths import ROOT
from support.polling import poll_until
from support.processes.commands import free_port, listens

from spanloom_local.receiver import Receiver
from spanloom_local.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytestmark = pytest.mark.timeout(300)

SCRIPTS = scripts()
ON_THIS_MACHINE = [script for script in SCRIPTS if script.of(LAPTOP, SERVER)]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Make a folder that looks like a clone, in which commands may write, with an application of a reader."""
    for entry in ROOT.iterdir():
        if entry.name != "build":
            (tmp_path / entry.name).symlink_to(entry)
    (tmp_path / "shop.py").write_text(SHOP)
    return tmp_path


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a virtual environment with pip and uvicorn, as a reader has one."""
    folder = tmp_path_factory.mktemp("reader") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", "uvicorn"], check=True)
    return folder


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(store=Store(100)) as running:
        yield running


def _environ(script: Script, fresh: Path, receiver: Receiver) -> dict[str, str]:
    """Return a reader's environment: with an environment of their own where something is installed."""
    installs = any("pip install" in command for command in script.commands)
    programs = fresh / "bin" if installs else Path(sys.executable).parent
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "SPANLOOM_"))}
    return inherited | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "REPOSITORY": f"file://{ROOT}",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "UVICORN_PORT": str(free_port()),
        "UV_TOOL_DIR": str(fresh.parent / "tools"),
        "UV_TOOL_BIN_DIR": str(fresh.parent / "bin"),
    }


@pytest.mark.parametrize("script", ON_THIS_MACHINE, ids=str)
def test_a_block_works_when_typed(script: Script, clone: Path, fresh: Path, receiver: Receiver) -> None:
    """The commands succeed in order; a server responds, and its request is a span of the service that it names."""
    environ = _environ(script, fresh, receiver)
    commands = "\n".join(script.of(LAPTOP, SERVER))
    if script.of(SERVER):
        _serve(commands, clone, environ)
        assert {"shop"} == {span.service for trace in receiver.store.traces().values() for span in trace.spans}
    else:
        subprocess.run(["bash", "-ec", commands], cwd=clone, env=environ, check=True)


def _serve(commands: str, folder: Path, environ: Mapping[str, str]) -> None:
    """Run commands of which the last one is a server, send it a request, and stop it."""
    port = int(environ["UVICORN_PORT"])
    server = subprocess.Popen(["bash", "-ec", commands], cwd=folder, env=environ, start_new_session=True)
    try:
        poll_until(lambda: listens(port) or server.poll() is not None, f"it listens: {commands}", seconds=120)
        assert 200 == urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30).status
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def test_every_command_that_needs_a_cluster_is_typed_or_has_a_reason() -> None:
    """A new section is added to the cluster's test, or to the table of reasons; neither has entries without need."""
    needed = {(script.page, script.heading) for script in SCRIPTS if script.of(CLUSTER)}
    typed = {(page, heading) for page, headings in TYPED.items() for heading in headings}
    others = needed - typed
    reasons = {page: [one for one in others if one[0].startswith(page)] for page in NOT_TYPED}

    assert set() == typed - needed
    assert others == {one for found in reasons.values() for one in found}
    assert [] == [page for page, found in reasons.items() if not found]


def test_what_runs_elsewhere_exists() -> None:
    """Each rule that excludes a command names the file that runs it or says why nothing does, and is needed."""
    commands = [command for script in SCRIPTS for command in script.commands]
    assert [] == [place for _, _, place in RULES if not (ROOT / place.partition(":")[0]).is_file()]
    assert len(commands) > 50


@pytest.mark.parametrize("program", ["docker", "kind", "kubectl", "helm"])
def test_make_up_says_what_is_missing(program: str, tmp_path: Path) -> None:
    """A tool that is not installed is named, before anything is done."""
    others = [name for name in ("bash", "dirname", "docker", "kind", "kubectl", "helm") if name != program]
    for name in others:
        (tmp_path / name).symlink_to(shutil.which(name) or "/bin/true")
    done = subprocess.run([ROOT / "deploy" / "up"], env={"PATH": str(tmp_path)}, capture_output=True, check=False)

    assert f"up: {program} is not installed; see https://kind.sigs.k8s.io and https://helm.sh\n" == done.stderr.decode()


def test_make_up_reports_that_docker_is_not_running(tmp_path: Path) -> None:
    """The quoted line of docs/troubleshooting.md."""
    for name in ("bash", "dirname", "docker", "kind", "kubectl", "helm"):
        (tmp_path / name).symlink_to(shutil.which(name) or "/bin/false")
    environ = {"PATH": str(tmp_path), "DOCKER_HOST": "unix:///nonexistent.sock"}
    done = subprocess.run([ROOT / "deploy" / "up"], env=environ, capture_output=True, text=True, check=False)

    assert done.stderr.strip() in quoted_lines("docs/troubleshooting.md")
