"""The commands of the guide print the output that the guide shows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

from spanloom_local.ports import listen

SETTINGS = re.compile(r"export (OTEL_PYTHON_DISTRO=.*)")
LESSONS = re.findall(r"```console\n\$ (.*)\n((?s:.*?))```", (ROOT / "docs/guide.md").read_text())


def settings() -> dict[str, str]:
    """Return the variables that the guide exports."""
    found = SETTINGS.search((ROOT / "docs/guide.md").read_text())
    assert found
    return dict(pair.split("=", 1) for pair in found[1].split())


def comparable(text: str) -> list[str]:
    """Return the lines without trace ids, times and the width of columns of times."""
    text = re.sub(r"trace [0-9a-f]{32}", "trace ID", text)
    return [re.sub(r" +", " ", re.sub(r"\d+\.\d ms", "TIME", line)) for line in text.strip().splitlines()]


@pytest.mark.parametrize(("command", "shown"), LESSONS, ids=[command for command, _ in LESSONS])
def test_a_command_prints_what_the_guide_shows(command: str, shown: str) -> None:
    """The command prints exactly the lines of the guide, except times and ids."""
    with listen(0) as listener:
        port = listener.getsockname()[1]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, **settings(), "PATH": path, "PORT": str(port)}
    done = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert comparable(shown) == comparable(done.stdout + done.stderr)


def test_the_commands_of_the_guide_are_found() -> None:
    """The guide has at least eight commands, so a changed layout cannot pass for an empty guide."""
    assert len(LESSONS) >= 8
