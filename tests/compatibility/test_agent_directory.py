"""The agent's directory with bytecode: what `build.py DIRECTORY PYTHON ...` writes."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from compatibility.test_agent import pythons, run
from support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SUPPORTED = {name: python for name, python in pythons().items() if tuple(map(int, name.split(".")[:2])) >= (3, 9)}
START = """
import sys
boot = next(finder for finder in sys.meta_path if type(finder).__name__ == "Boot")
type(boot).find_spec.__globals__["start_agent"]()
print(sys.modules["_spanloom_agent.core.spans"].__doc__, "_spanloom_agent.agent.gate" in sys.modules)
"""
"""Starts the agent as the first import of a library does."""


def build(directory: Path, *interpreters: str) -> Path:
    subprocess.run([sys.executable, ROOT / "services/telemetry/agent/build.py", directory, *interpreters], check=True)
    return directory


def content(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the bytecode of every supported Python of this machine, and sources that fail."""
    directory = build(tmp_path_factory.mktemp("compiled") / "agent", *SUPPORTED.values())
    for source in (directory / "_spanloom_agent").rglob("*.py"):
        source.write_text("raise AssertionError(__file__)")
    return directory


@pytest.mark.parametrize("python", SUPPORTED.values(), ids=SUPPORTED)
def test_a_python_loads_its_bytecode(python: str, compiled: Path) -> None:
    """Without a look at the sources, whose times differ in a copy; it has no docstrings."""
    assert (0, "None True\n", "") == run(python, ["-c", START], [compiled])


def test_a_python_without_bytecode_loads_the_sources(agent_directory: Path) -> None:
    """They have docstrings."""
    status, out, err = run(sys.executable, ["-B", "-c", START], [agent_directory])
    assert (0, True, "") == (status, out.endswith(". True\n"), err)


def test_two_builds_are_equal(tmp_path: Path) -> None:
    """Byte for byte, the bytecode included."""
    first, second = (build(tmp_path / name, *SUPPORTED.values()) for name in ("first", "second"))
    assert content(first) == content(second)
