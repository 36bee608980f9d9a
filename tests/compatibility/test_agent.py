"""The agent is not noticed: a process sees what it sees without it, until a library that is hooked is imported."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipapp
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from compatibility.programs import APPLICATIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

FACTS = APPLICATIONS / "facts.py"
COMMANDS = {
    "a file": ["{facts}"],
    "a module": ["-m", "facts"],
    "code": ["-c", "import runpy; runpy.run_path(r'{facts}', run_name='__main__')"],
    "isolated": ["-I", "{facts}"],
    "without environment": ["-E", "{facts}"],
    "without user site": ["-s", "{facts}"],
    "optimized": ["-OO", "{facts}"],
    "a zip file": ["{zip}"],
    "standard input": ["-"],
}


@pytest.fixture(scope="session")
def zip_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zip")
    shutil.copy(FACTS, folder / "__main__.py")
    zipapp.create_archive(folder, folder.with_suffix(".pyz"))
    return folder.with_suffix(".pyz")


def run(
    python: Path | str, words: Sequence[str], path: Sequence[Path] = (), stdin: str = "", **environ: str
) -> tuple[int, str, str]:
    """Return exit status, standard output and standard error of a Python process with this PYTHONPATH."""
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "SPANLOOM_", "PYTHON"))
    }
    if path:
        inherited["PYTHONPATH"] = os.pathsep.join(str(folder) for folder in path)
    done = subprocess.run(
        [python, *words], cwd=APPLICATIONS, env={**inherited, **environ}, input=stdin, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_process_sees_what_it_sees_without_the_agent(
    words: list[str], home: Path, agent_directory: Path, zip_file: Path
) -> None:
    """sys.path, sys.modules, environment, signals, threads, streams; and so does a child of it."""
    arguments = [word.format(facts=FACTS, zip=zip_file) for word in words]
    stdin = FACTS.read_text().replace("__file__", repr(str(FACTS))) if words == ["-"] else ""
    bare, traced = (run(home / "bin/python", arguments, path, stdin) for path in ((), (agent_directory,)))
    assert (0, "") == (bare[0], bare[2])
    assert (0, json.loads(bare[1]), "") == (traced[0], json.loads(traced[1]), traced[2])


def test_a_pex_removes_the_agent(home: Path, agent_directory: Path, tmp_path: Path) -> None:
    """It starts Python again without PYTHONPATH: the application runs as with any other directory there, untraced."""
    (tmp_path / "source").mkdir()
    (tmp_path / "other").mkdir()
    shutil.copy(FACTS, tmp_path / "source")
    pex = tmp_path / "facts.pex"
    subprocess.run([home / "bin/pex", "-D", tmp_path / "source", "-m", "facts", "-o", pex], check=True)
    root = {"PEX_ROOT": str(tmp_path / "root")}
    bare, traced = (
        run(home / "bin/python", [str(pex)], [path], **root) for path in (tmp_path / "other", agent_directory)
    )
    facts = json.loads(bare[1])
    facts["child"]["path"].remove(str(tmp_path / "other"))
    assert (0, facts, bare[2]) == (traced[0], json.loads(traced[1]), traced[2])


def test_without_site_the_directory_stays_on_the_path(home: Path, agent_directory: Path) -> None:
    """Python's option -S runs no sitecustomize; one more entry of sys.path is all that is different."""
    bare, traced = (
        json.loads(run(home / "bin/python", ["-S", str(FACTS), "child"], path)[1]) for path in ((), (agent_directory,))
    )
    traced["path"].remove(str(agent_directory))
    assert bare == traced


def test_children_are_traced_too(home: Path, agent_directory: Path) -> None:
    """PYTHONPATH stays as it was given."""
    _, out, _ = run(home / "bin/python", ["-c", "import os; print(os.environ['PYTHONPATH'])"], [agent_directory])
    assert str(agent_directory) == out.strip()


SITECUSTOMIZE = {
    "prints": "print('mine')",
    "has a name": "import sys; sys.mine = __name__, __file__.rpartition('/')[2], __spec__.name",
    "fails": "raise KeyError('mine')",
    "fails to import": "import nowhere_to_be_found",
    "exits": "raise SystemExit(7)",
    "changes the path": "import sys; sys.path.append('/mine')",
}
SEEN = "import sys, sitecustomize; print(getattr(sys, 'mine', None), sys.path[1:], sitecustomize.__file__)"


@pytest.mark.parametrize("module", ["sitecustomize", "usercustomize"])
@pytest.mark.parametrize("text", SITECUSTOMIZE.values(), ids=SITECUSTOMIZE)
def test_a_hidden_sitecustomize_is_run(module: str, text: str, agent_directory: Path, tmp_path: Path) -> None:
    """With its own name and path, and what it raises is reported as without the agent."""
    (tmp_path / f"{module}.py").write_text(text)
    python, words = Path(os.path.realpath("/proc/self/exe")), ["-c", SEEN if module == "sitecustomize" else "print(7)"]
    bare, traced = (run(python, words, path) for path in ([tmp_path], [agent_directory, tmp_path]))
    # The frames of a traceback are those of Python's start, which the exception has crossed.
    assert (*bare[:2], bare[2].splitlines()[-1:]) == (*traced[:2], traced[2].splitlines()[-1:])


def test_no_module_has_a_public_name(agent_directory: Path) -> None:
    """The directory defines sitecustomize and one package with a private name, no extension module; it is small."""
    assert {"sitecustomize.py", "_spanloom_agent"} == {file.name for file in agent_directory.iterdir()} - {
        "__pycache__"
    }
    assert [] == list(agent_directory.rglob("*.so"))
    assert sum(file.stat().st_size for file in agent_directory.rglob("*")) < 1_000_000


def test_the_agent_imports_the_standard_library_only(home: Path, agent_directory: Path) -> None:
    """Everything it consists of can be imported where nothing is installed, except what serves OpenTelemetry's API."""
    program = """
import sys, importlib, pathlib
sys.path_hooks, before = sys.path_hooks, set(sys.modules)
boot = next(finder for finder in sys.meta_path if type(finder).__name__ == "Boot")
type(boot).find_spec.__globals__["start_agent"]()
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(new - set(sys.stdlib_module_names) - {"_spanloom_agent"}))
"""
    assert (0, "[]\n", "") == run(home / "bin/python", ["-c", program], [agent_directory])


@pytest.mark.parametrize("value", ["true", "TRUE", " true "])
def test_the_agent_is_switched_off_by_a_variable(value: str, home: Path, agent_directory: Path) -> None:
    """OTEL_SDK_DISABLED: nothing of it is imported."""
    program = "import flask, sys; print([name for name in sys.modules if 'spanloom' in name])"
    assert "[]\n" == run(home / "bin/python", ["-c", program], [agent_directory], OTEL_SDK_DISABLED=value)[1]


def test_settings_that_are_not_understood_stop_nothing(home: Path, agent_directory: Path) -> None:
    """One line for each, and its default instead."""
    wrong = {"OTEL_TRACES_SAMPLER": "sometimes", "OTEL_BSP_MAX_QUEUE_SIZE": "many", "SPANLOOM_FILTER": "loud",
             "SPANLOOM_UNKNOWN": "1", "OTEL_METRICS_EXPORTER": "console"}  # fmt: skip
    status, out, err = run(home / "bin/python", ["-c", "import flask; print(7)"], [agent_directory], **wrong)
    assert (0, "7\n") == (status, out)
    assert 5 == len(err.splitlines())
    for key, value in wrong.items():
        assert any(key in line and value in line for line in err.splitlines()), err


def test_an_agent_that_fails_is_one_line(home: Path, agent_directory: Path, tmp_path: Path) -> None:
    """A damaged directory: the application runs without telemetry."""
    damaged = tmp_path / "agent"
    shutil.copytree(agent_directory, damaged)
    (damaged / "_spanloom_agent/agent/gate.py").write_text("1/0")
    status, out, err = run(home / "bin/python", ["-c", "import flask; print(7)"], [damaged])
    assert (0, "7\n") == (status, out)
    assert ["spanloom: the agent could not be started: ZeroDivisionError"] == err.splitlines()


def pythons() -> dict[str, str]:
    """Return the interpreters of this machine by version: those on PATH, and those of pyenv."""
    root = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    found = {file.parent.parent.name: str(file) for file in sorted(root.glob("versions/*/bin/python"))}
    return {name: file for name, file in found.items() if re.match(r"\d", name)}


@pytest.mark.parametrize("python", pythons().values(), ids=pythons())
def test_other_pythons_are_left_alone_with_one_line(python: str, agent_directory: Path) -> None:
    """Any Python from 2.7 on runs as before; one that the agent does not support says so."""
    status, out, err = run(python, ["-c", "import sys; print(sys.version_info[:2] >= (3, 9))"], [agent_directory])
    said = "" if out == "True\n" else "spanloom: the agent needs CPython 3.9 or later; this process is not traced\n"
    assert (0, said) == (status, err)
