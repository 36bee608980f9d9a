"""No kubeconfig of this machine, and an API server of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.processes.explain_command import HOME, SHOP
from support.servers.api_server import ApiServer, api_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def no_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read no kubeconfig of this machine; relative files are those of the test."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "no-kubeconfig"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """Serve one labelled Deployment and the operator's profile, as the current context."""
    responses: dict[str, Any] = {
        "/api/v1/namespaces/demo": {"kind": "Namespace", "metadata": {"name": "demo"}},
        "/apis/apps/v1/namespaces/demo/deployments?": {"items": [SHOP], "metadata": {}},
        "/apis/apps/v1/namespaces/demo/deployments/shop": SHOP,
        "/apis/apps/v1/deployments?": {"items": [], "metadata": {}},
        "/apis/spanloom.dev/v1alpha1/namespaces/spanloom-system/otelprofiles/default": HOME,
    }
    with api_server(responses) as server:
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path)))
        yield server
