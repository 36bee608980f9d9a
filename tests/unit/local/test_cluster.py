"""Connections to a release on Kubernetes, with a program in kubectl's place that prints what kubectl does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.polling import poll_until

from spanloom_local.cluster import forwarded
from spanloom_local.processes import StackError

if TYPE_CHECKING:
    from pathlib import Path

CONNECTIONS = 5000
"""Their lines are longer than the buffer of a pipe, 64 KiB."""


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an executable file named kubectl, first on PATH; a test writes it."""
    path = tmp_path / "kubectl"
    path.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return path


def test_many_connections_do_not_fill_the_pipe_of_kubectl(kubectl: Path, tmp_path: Path) -> None:
    """Kubectl prints a line for every connection, and can print thousands."""
    kubectl.write_text(
        "#!/bin/sh\n"
        "echo 'Forwarding from 127.0.0.1:40123 -> 8000'\n"
        f"seq --format 'Handling connection for 40123 (%.0f)' {CONNECTIONS}\n"
        f"touch '{tmp_path}/printed'\n"
        "exec sleep 60\n"
    )
    with forwarded("demo", "shop", 8000) as url:
        assert "http://127.0.0.1:40123" == url
        poll_until((tmp_path / "printed").exists, "every line is printed", 10)


def test_what_kubectl_says_is_the_error(kubectl: Path) -> None:
    """A Service that does not exist is one line with kubectl's reason."""
    kubectl.write_text("#!/bin/sh\necho 'Error from server (NotFound): services \"shop\" not found'\n")
    expected = 'shop is not reachable: Error from server (NotFound): services "shop" not found'
    with pytest.raises(StackError) as raised, forwarded("demo", "shop", 8000):
        pass
    assert expected == str(raised.value)
