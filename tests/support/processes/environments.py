"""Environments with pinned packages of their own, apart from the project's: for other applications and peers."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

UV = ROOT / ".venv/bin/uv"
FOLDER = ROOT / ".venv/compatibility"
TELEMETRY = ROOT / "services/telemetry"


class NotInstalledError(Exception):
    """An environment could not be made; the text is the installer's own."""


def environment_with(requirements: Path, python: str = "", *, has_distribution: bool = True) -> Path:
    """Return the directory of an environment with these requirements, and the distribution; made once.

    `python` is a version such as "3.9", "" for the project's. NotInstalledError when a package, or this Python, cannot
    be installed.
    """
    home = FOLDER / requirements.stem
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / f"{requirements.stem}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs at once
        wanted = hashlib.sha256(requirements.read_bytes() + (TELEMETRY / "pyproject.toml").read_bytes()).hexdigest()
        stamp = home / "requirements.sha256"
        if not stamp.exists() or stamp.read_text() != wanted:
            _make(home, requirements, python or str(UV.parent / "python"))
            if has_distribution:
                uv("pip", "install", "--no-deps", "--python", str(home / "bin/python"), "--editable", str(TELEMETRY))
            stamp.write_text(wanted)
    return home


def _make(home: Path, requirements: Path, python: str) -> None:
    print(f"installing {requirements.name}", file=sys.__stderr__, flush=True)
    uv("venv", "--clear", "--python", python, str(home), PYENV_VERSION=_pyenv_versions())
    uv("pip", "sync", "--python", str(home / "bin/python"), str(requirements))


def _pyenv_versions() -> str:
    """Return every version that pyenv has, whose commands otherwise run only the one that is selected."""
    if shutil.which("pyenv") is None:
        return ""
    done = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True, check=False)
    return ":".join(done.stdout.split())


def uv(*arguments: str, **environment: str) -> None:
    """Run uv; NotInstalledError with what it says when it fails."""
    done = subprocess.run(
        [UV, "--quiet", *arguments], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise NotInstalledError(" ".join(done.stderr.split()))
