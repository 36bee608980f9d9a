"""The environments that the arms are installed in, made from what is pinned; one for each that could interfere."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.arms import Arm

ROOT = Path(__file__).parents[2]
PEERS = Path(__file__).parent / "peers"
HOMES = ROOT / ".venv/bench"
UV = ROOT / ".venv/bin/uv"
SHIPPED = "shipped"
# Peers get the services' source without its metadata: opentelemetry-instrument would load spanloom's entry points.
SOURCES = (
    *(ROOT / "services" / member / "src" for member in ("telemetry", "users-api", "users-db-service")),
    PEERS / "apps",
)


class Home(NamedTuple):
    """An environment with both services, and what its processes need besides."""

    path: Path
    environment: dict[str, str]

    def program(self, name: str) -> Path:
        """Return the path of one of its programs."""
        return self.path / "bin" / name


class NotInstalledError(Exception):
    """An environment could not be made; the message is the installer's own."""


def home_of(name: str) -> Home:
    """Return the environment `name`: `shipped`, as uv.lock has it, or a peer's."""
    path = HOMES / name
    return Home(path, {} if name == SHIPPED else {"PYTHONPATH": os.pathsep.join(map(str, SOURCES))})


def install(name: str) -> None:
    """Make the environment `name` be as pinned; NotInstalledError when that fails."""
    if name == SHIPPED:
        _run(["sync", "--locked", "--no-dev"], UV_PROJECT_ENVIRONMENT=str(HOMES / name))
        return
    python = HOMES / name / "bin/python"
    if not python.exists():
        _run(["venv", "--python", str(UV.parent / "python"), str(HOMES / name)])
    _run(["pip", "sync", "--python", str(python), str(PEERS / f"{name}.txt")])


def _run(arguments: Sequence[str], **environment: str) -> None:
    done = subprocess.run(
        [UV, "--quiet", *arguments], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise NotInstalledError(" ".join(done.stderr.split()))


def installed(arms: Sequence[Arm]) -> tuple[list[Arm], dict[str, str]]:
    """Install what the arms need; return those that are installed, and for every other why it is not."""
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
