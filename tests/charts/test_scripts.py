"""The scripts in deploy: what they refuse before they connect to a cluster."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest
from charts.rendering import ROOT, require

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTEXT = "arn:aws:eks:eu-1:1:cluster/production"


@pytest.fixture
def production(tmp_path: Path) -> Iterator[tuple[Path, socket.socket]]:
    """Return a kubeconfig whose context is not kind's, and the socket of its API server, which never responds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": CONTEXT,
            "contexts": [{"name": CONTEXT, "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": url}}],
            "users": [{"name": "u", "user": {}}],
        }
        path = tmp_path / "kubeconfig"
        path.write_text(json.dumps(config))
        yield path, server


@pytest.mark.parametrize("script", ["down", "images"])
def test_only_kind_clusters_are_changed(script: str, production: tuple[Path, socket.socket]) -> None:
    """With a context that is not kind's, the script sends nothing to the cluster and names the context."""
    for program in ("kubectl", "kind", "helm"):
        require(program)
    kubeconfig, server = production
    environment = os.environ | {"KUBECONFIG": str(kubeconfig), "CLUSTER": "no-such-cluster"}
    command = [ROOT / "deploy" / script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert 1 == done.returncode
    assert CONTEXT in done.stderr
    with pytest.raises(BlockingIOError):  # no client has connected
        server.accept()
