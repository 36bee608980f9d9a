"""The kubeconfig by kubectl's rules."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from support.servers.api_server import kubeconfig

from spanloom_operator.explain.kubeconfig import Context, kubeconfig_files, read_context
from spanloom_operator.explain.problems import ExplainError

if TYPE_CHECKING:
    from pathlib import Path

HERE = kubeconfig("https://here")


def written(folder: Path, **contents: Any) -> list[Path]:
    """Write each content as a file of its name."""
    for name, content in contents.items():
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return [folder / name for name in contents]


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The option wins over KUBECONFIG, which may name several files, some absent, and over ~/.kube/config."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".kube").mkdir()
    a, b, home = written(tmp_path, a="", b="", **{".kube/config": ""})

    assert [tmp_path / "c"] == kubeconfig_files(str(tmp_path / "c"), {"KUBECONFIG": str(a)})
    assert [a, b] == kubeconfig_files("", {"KUBECONFIG": f"{a}:{tmp_path / 'none'}::{b}"})
    assert [home] == kubeconfig_files("", {})
    assert [] == kubeconfig_files("", {"KUBECONFIG": "none"})


def test_current_context(tmp_path: Path) -> None:
    """The current context has its namespace, cluster and user; without a namespace it is `default`."""
    files = written(tmp_path, a=HERE, b=kubeconfig("https://here", namespace=""))

    assert Context("test", "demo", {"server": "https://here"}, {}) == read_context(files[:1])
    assert "default" == read_context(files[1:]).namespace


def test_files_are_merged(tmp_path: Path) -> None:
    """The first file that has a name, or a current context, decides; others add what it lacks."""
    other = {"contexts": [{"name": "other", "context": {"cluster": "test", "namespace": "elsewhere"}}]}
    files = written(tmp_path, a={**other, "users": None}, b=HERE, c=kubeconfig("https://there"))

    assert ("test", "https://here") == (read_context(files).name, read_context(files).cluster["server"])
    assert ("elsewhere", {}) == (read_context(files, "other").namespace, read_context(files, "other").user)


def test_paths_are_relative_to_their_file(tmp_path: Path) -> None:
    """Certificates, token files and a plugin with a slash are found beside the file that names them."""
    plugin = {"command": "bin/login"}
    content = kubeconfig("https://here", {"client-key": "me.key", "tokenFile": "/abs/token", "exec": plugin})
    content["clusters"][0]["cluster"]["certificate-authority"] = "ca.crt"

    context = read_context(written(tmp_path, a=content))

    assert str(tmp_path / "ca.crt") == context.cluster["certificate-authority"]
    assert (str(tmp_path / "me.key"), "/abs/token") == (context.user["client-key"], context.user["tokenFile"])
    assert str(tmp_path / "bin/login") == context.user["exec"]["command"]


@pytest.mark.parametrize(
    ("content", "context", "expected"),
    [
        ("", "", "no current context; choose one with --context"),
        ({**HERE, "current-context": ""}, "", "no current context; choose one with --context"),
        (HERE, "none", "no context none"),
        ({**HERE, "clusters": []}, "", "no cluster test"),
        ({**HERE, "users": [{"name": "me", "user": None}], "clusters": None}, "", "no cluster test"),
        ({**HERE, "users": []}, "", "no user me"),
        (kubeconfig("here"), "", "cluster test: server 'here': String should match pattern '^https?://[^/\\s]'"),
        ({**HERE, "contexts": ["test"]}, "", "no context test"),
        ("a: b: c", "", "not YAML"),
        ("words", "", "expected clusters, contexts and users"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, content: Any, context: str, expected: str) -> None:
    """An empty, broken or incomplete kubeconfig is named with what it lacks."""
    [file] = written(tmp_path, a=content)

    with pytest.raises(ExplainError) as error:
        read_context([file], context)

    assert f"kubeconfig {file}: {expected}" == str(error.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that is absent or no text is named with the reason."""
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")

    for file, reason in ((tmp_path / "none", "No such file or directory"), (binary, "not a text file")):
        with pytest.raises(ExplainError, match=f"^kubeconfig {file}: {reason}$"):
            read_context([file])


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    """A token that cannot stand in a header is refused without being printed."""
    [file] = written(tmp_path, a=kubeconfig("https://here", {"token": "se cret"}))

    with pytest.raises(ExplainError) as error:
        read_context([file])

    assert f"kubeconfig {file}: user me: token: String should match pattern '^[!-~]*$'" == str(error.value)
