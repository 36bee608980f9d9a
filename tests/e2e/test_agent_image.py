"""The agent's image, and the program that copies its directory into a volume; both need docker only."""

from __future__ import annotations

import resource
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from support.cluster.agent_image import IMAGE, build, docker, unpack

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(600)

RESTRICTED = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none"]
MAX_BYTES = 1_000_000


@pytest.fixture(scope="module")
def image() -> dict[str, Any]:
    return build()


@pytest.fixture(scope="module")
def files(image: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the files of the image."""
    directory = tmp_path_factory.mktemp("image")
    unpack(IMAGE, directory)
    return directory


def test_the_image_is_small(image: dict[str, Any], files: Path) -> None:
    """It contains the agent, the copy program and licenses, no shell, in less than 1 MB; it runs as a number."""
    assert {"agent", "copy", "licenses"} == {path.name for path in files.iterdir()}
    assert {"sitecustomize.py", "__pycache__", "_spanloom_agent"} == {path.name for path in (files / "agent").iterdir()}
    assert ("10001:10001", ["/copy"]) == (image["Config"]["User"], image["Config"]["Entrypoint"])
    assert MAX_BYTES > image["Size"]


def test_two_builds_have_the_same_layers(image: dict[str, Any]) -> None:
    """A build without a cache gives the same digest."""
    assert image["RootFS"]["Layers"] == build(f"{IMAGE}-again", "--no-cache")["RootFS"]["Layers"]


def test_another_architecture_is_built_here() -> None:
    """An image for arm64 is built on any machine."""
    assert "arm64" == build(f"{IMAGE}-arm64", "--platform=linux/arm64")["Architecture"]


def test_it_runs_without_any_right(image: dict[str, Any]) -> None:
    """A read-only root, no capabilities, and a volume that belongs to a group of the process."""
    volume = "--tmpfs=/volume:uid=1234,gid=5678,mode=2770"
    assert "" == docker("run", "--rm", *RESTRICTED, volume, "--group-add=5678", IMAGE, "/agent", "/volume/agent")


def copy(files: Path, *arguments: object, max_file_bytes: int = resource.RLIM_INFINITY) -> tuple[int, str]:
    """Run the copy program; return exit status and standard error. Writing larger files fails."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    done = subprocess.run(
        [files / "copy", *arguments],
        capture_output=True,
        text=True,
        restore_signals=False,  # SIGXFSZ stays ignored: write fails instead
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, hard)),
        check=False,
    )
    return done.returncode, done.stderr


def content(directory: Path) -> dict[str, tuple[str, bytes]]:
    """Return mode and bytes of everything below a directory, by relative path."""
    return {
        str(path.relative_to(directory)): (f"{path.stat().st_mode:o}", path.read_bytes() if path.is_file() else b"")
        for path in directory.rglob("*")
    }


def expected(files: Path) -> dict[str, tuple[str, bytes]]:
    """Return the content of a volume that has the agent, and nothing else."""
    agent = {f"agent/{name}": found for name, found in content(files / "agent").items()}
    return {"agent": ("40755", b""), **agent}


@pytest.mark.parametrize("earlier", ["", "agent", "agent.new", "agent.old"])
@pytest.mark.parametrize("end", ["", "/"])
def test_a_volume_has_the_agent_and_nothing_else(earlier: str, end: str, files: Path, tmp_path: Path) -> None:
    """Also after another version, and after a run that was interrupted before or after its rename."""
    if earlier:
        (tmp_path / earlier / "of another version").mkdir(parents=True)
        (tmp_path / earlier / "half").write_text("a part of a file")
    assert (0, "") == copy(files, f"{files / 'agent'}{end}", f"{tmp_path / 'agent'}{end}")
    assert expected(files) == content(tmp_path)


@pytest.mark.parametrize("is_there", [False, True])
def test_a_failed_copy_is_never_loaded(is_there: bool, files: Path, tmp_path: Path) -> None:
    """A volume that cannot take every byte: what was there before stays, and a later run succeeds."""
    arguments = files / "agent", tmp_path / "agent"
    if is_there:
        copy(files, *arguments)
    status, error = copy(files, *arguments, max_file_bytes=4096)
    assert (1, f"copy: cannot write {tmp_path}/agent.new/") == (status, error[: error.index("new/") + 4])
    assert [": File too large"] == [line[line.rindex(": ") :] for line in error.splitlines()]
    assert is_there == (tmp_path / "agent").exists()
    assert not is_there or content(files / "agent") == content(tmp_path / "agent")

    assert (0, "") == copy(files, *arguments)
    assert expected(files) == content(tmp_path)


@pytest.mark.parametrize(
    ("source", "target", "status", "line"),
    [
        ("{files}/nowhere", "{volume}/agent", 1, "copy: cannot read {files}/nowhere: No such file or directory"),
        ("{files}/agent", "{volume}/a/b", 1, "copy: cannot create {volume}/a/b.new: No such file or directory"),
        ("{volume}/link", "{volume}/agent", 1, "copy: cannot copy {volume}/link: Invalid argument"),
        ("{files}/agent", "{volume}/file/x", 1, "copy: cannot remove {volume}/file/x.new: Not a directory"),
        ("{files}/agent", "", 2, "usage: copy SOURCE TARGET"),
    ],
)
def test_an_error_is_one_line(source: str, target: str, status: int, line: str, files: Path, tmp_path: Path) -> None:
    """It has the path and the reason, and a status other than 0."""
    (tmp_path / "link").symlink_to(files / "agent")
    (tmp_path / "file").write_text("")
    words = [word.format(files=files, volume=tmp_path) for word in (source, target) if word]
    assert (status, line.format(files=files, volume=tmp_path) + "\n") == copy(files, *words)
