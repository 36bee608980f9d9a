"""Environments with pinned packages of their own, apart from the project's: for other applications and peers."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

UV = ROOT / ".venv/bin/uv"
STRANGERS = ROOT / ".venv/compatibility"
TELEMETRY = ROOT / "services/telemetry"


class NotInstalledError(Exception):
    """An environment could not be made; the text is the installer's own."""


def stranger(requirements: Path) -> Path:
    """Return the directory of an environment with these requirements and the distribution; made once.

    NotInstalledError when a package cannot be installed.
    """
    home = STRANGERS / requirements.stem
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / f"{requirements.stem}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs at once
        wanted = hashlib.sha256(requirements.read_bytes() + (TELEMETRY / "pyproject.toml").read_bytes()).hexdigest()
        stamp = home / "requirements.sha256"
        if not stamp.exists() or stamp.read_text() != wanted:
            _make(home, requirements)
            stamp.write_text(wanted)
    return home


def _make(home: Path, requirements: Path) -> None:
    print(f"installing {requirements.name}", file=sys.__stderr__, flush=True)
    python = str(home / "bin/python")
    uv("venv", "--clear", "--python", str(UV.parent / "python"), str(home))
    uv("pip", "sync", "--python", python, str(requirements))
    uv("pip", "install", "--no-deps", "--python", python, "--editable", str(TELEMETRY))


def uv(*arguments: str, **environment: str) -> None:
    """Run uv; NotInstalledError with what it says when it fails."""
    done = subprocess.run(
        [UV, "--quiet", *arguments], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise NotInstalledError(" ".join(done.stderr.split()))
