"""The environments of the arms, with pinned packages; one for each distribution that could interfere with others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from support.paths import ROOT
from support.processes.environments import UV, NotInstalledError, uv
from support.processes.operators_layout import install_layout, layout_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.arms import Arm

PEERS = Path(__file__).parent / "peers"
HOMES = ROOT / ".venv/bench"
SHIPPED = "shipped"
AGENT = "agent"  # the same environment, with the agent on PYTHONPATH
LAYOUT = "operators-layout"  # an environment without SDK, with the OpenTelemetry Operator's packages on PYTHONPATH
PLAIN = "boot"
# Peers import the services' source without its metadata, whose entry points opentelemetry-instrument would load.
SOURCES = (
    *(ROOT / "services" / member / "src" for member in ("telemetry", "users-api", "users-db-service")),
    PEERS / "apps",
)


class Home(NamedTuple):
    """An environment with both services, and further environment variables of its processes."""

    path: Path
    environment: dict[str, str]

    def program(self, name: str) -> Path:
        """Return the path of one of its programs."""
        return self.path / "bin" / name


def home_of(name: str) -> Home:
    """Return the environment `name`: `shipped` and `agent`, with the versions of uv.lock, or that of a peer."""
    if name == AGENT:
        return Home(HOMES / SHIPPED, {"PYTHONPATH": str(HOMES / AGENT)})
    if name == LAYOUT:
        return Home(HOMES / PLAIN, {"PYTHONPATH": layout_path(HOMES / LAYOUT, SOURCES)})
    path = HOMES / name
    return Home(path, {} if name == SHIPPED else {"PYTHONPATH": os.pathsep.join(map(str, SOURCES))})


def install(name: str) -> None:
    """Install the pinned packages of the environment `name`; NotInstalledError if that fails."""
    if name == AGENT:
        subprocess.run([sys.executable, ROOT / "services/telemetry/agent/build.py", HOMES / AGENT], check=True)
        return
    if name == LAYOUT:
        install(PLAIN)
        install_layout(HOMES / LAYOUT)
        return
    if name == SHIPPED:
        uv("sync", "--locked", "--no-dev", UV_PROJECT_ENVIRONMENT=str(HOMES / name))
        return
    python = HOMES / name / "bin/python"
    if not python.exists():
        uv("venv", "--python", str(UV.parent / "python"), str(HOMES / name))
    uv("pip", "sync", "--python", str(python), str(PEERS / f"{name}.txt"))


def installed(arms: Sequence[Arm]) -> tuple[list[Arm], dict[str, str]]:
    """Install the environments of the arms; return the installed arms, and the reason for each other."""
    reasons: dict[str, str] = {}
    for name in dict.fromkeys(arm.home for arm in arms):
        try:
            install(name)
        except NotInstalledError as error:
            reasons[name] = str(error)
    if SHIPPED in reasons:
        raise NotInstalledError(reasons[SHIPPED])
    left_out = {arm.name: reasons[arm.home] for arm in arms if arm.home in reasons}
    return [arm for arm in arms if arm.home not in reasons], left_out
