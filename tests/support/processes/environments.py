"""Environments with pinned packages, separate from that of the project: for applications and other distributions."""

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
    from collections.abc import Iterable
    from pathlib import Path

UV = ROOT / ".venv/bin/uv"
ENVIRONMENTS = ROOT / ".venv/compatibility"
TELEMETRY = ROOT / "services/telemetry"


class NotInstalledError(Exception):
    """An environment could not be created; the text is the output of uv."""


def install_environment(requirements: Path, python: str = "", *, has_distribution: bool = True) -> Path:
    """Return the directory of an environment with these requirements and the distribution; created once.

    `python` is a version such as "3.9"; "" means that of the project. NotInstalledError if a package or this Python
    cannot be installed.
    """
    home = ENVIRONMENTS / requirements.stem
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / f"{requirements.stem}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs at once
        wanted = hashlib.sha256(requirements.read_bytes() + (TELEMETRY / "pyproject.toml").read_bytes()).hexdigest()
        stamp = home / "requirements.sha256"
        if not stamp.exists() or stamp.read_text() != wanted:
            _create(home, requirements, python or str(UV.parent / "python"))
            if has_distribution:
                uv("pip", "install", "--no-deps", "--python", str(home / "bin/python"), "--editable", str(TELEMETRY))
            stamp.write_text(wanted)
    return home


def _create(home: Path, requirements: Path, python: str) -> None:
    print(f"installing {requirements.name}", file=sys.__stderr__, flush=True)
    uv("venv", "--clear", "--python", python, str(home), PYENV_VERSION=_pyenv_versions())
    uv("pip", "sync", "--python", str(home / "bin/python"), str(requirements))


def has_python(version: str) -> bool:
    """Return whether this machine has an interpreter of a version such as "3.9"."""
    try:
        uv("python", "find", "--no-python-downloads", version, PYENV_VERSION=_pyenv_versions())
    except NotInstalledError:
        return False
    return True


def _pyenv_versions() -> str:
    """Return every version of pyenv, whose commands otherwise run only the selected one."""
    if shutil.which("pyenv") is None:
        return ""
    done = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True, check=False)
    return ":".join(done.stdout.split())


def lock_packages(requirements: Iterable[str], output: Path, *options: str) -> None:
    """Write the newest versions that meet the requirements to `output`; NotInstalledError if there are none."""
    command = ["pip", "compile", "--no-annotate", "--no-header", "--upgrade", "-", *options, "-o", str(output)]
    uv(*command, stdin="\n".join(requirements))


def uv(*arguments: str, stdin: str = "", **environment: str) -> str:
    """Run uv and return its output; NotInstalledError with its error output if it fails."""
    done = subprocess.run(
        [UV, "--quiet", *arguments], cwd=ROOT, env={**os.environ, **environment}, input=stdin, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise NotInstalledError(" ".join(done.stderr.split()))
    return done.stdout
