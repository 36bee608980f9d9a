"""The image of the agent, and its files."""

from __future__ import annotations

import json
import subprocess
import tarfile
from typing import TYPE_CHECKING, Any

from support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = "spanloom-agent:e2e"
BY_DOCKER = {".dockerenv", "dev", "etc", "proc", "sys"}
"""What docker adds to the file system of a container."""


def build(image: str = IMAGE, *options: str) -> dict[str, Any]:
    """Build the image and return what `docker image inspect` prints of it."""
    if options:
        docker("build", "--quiet", f"--tag={image}", "--file=deploy/Dockerfile.agent", *options, ".")
    else:
        subprocess.run([ROOT / "deploy/image", "spanloom-agent", image], check=True, capture_output=True)
    found: dict[str, Any] = json.loads(docker("image", "inspect", image))[0]
    return found


def unpack(image: str, directory: Path) -> None:
    """Write the files of an image to a directory."""
    container = docker("create", image).strip()
    try:
        with (
            subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as export,
            tarfile.open(fileobj=export.stdout, mode="r|") as files,
        ):
            wanted = (file for file in files if file.name.split("/")[0] not in BY_DOCKER)
            files.extractall(directory, wanted, filter="tar")
    finally:
        docker("rm", container)


def docker(*arguments: str) -> str:
    """Run docker and return its output; AssertionError with its error output when it fails."""
    done = subprocess.run(["docker", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
