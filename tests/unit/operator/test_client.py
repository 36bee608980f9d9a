"""The client over real HTTP: lists, refusals, and what is no API server."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from support.servers.api_server import LOGIN_PAGE, ApiServer, Response, api_server, kubeconfig

from spanloom_operator.kube.api import ApiError, items
from spanloom_operator.kube.client import Client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

DEPLOYMENTS = "/apis/apps/v1/deployments"


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """Serve as the current context."""
    with api_server() as server:
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path)))
        yield server


def asked(request: Callable[[Client], Awaitable[object]]) -> object:
    async def ask() -> object:
        async with Client() as client:
            return await request(client)

    return asyncio.run(ask())


async def listed(client: Client) -> list[object]:
    return [item async for item in items(client, DEPLOYMENTS, metadata_only=True)]


@pytest.mark.parametrize(("found", "expected"), [(None, []), ([{"metadata": {}}], [{"metadata": {}}])])
def test_empty_list_may_be_null(api: ApiServer, found: object, expected: list[object]) -> None:
    """The API server responses a list of metadata without objects with null."""
    api.responses |= {f"{DEPLOYMENTS}?limit=100": {"items": found, "metadata": {}}}
    assert expected == asked(listed)


CAUSE = {"reason": "FieldManagerConflict", "message": 'conflict with "helm"', "field": ".spec"}
REFUSALS = {
    "conflict with another manager": ({"details": {"causes": [CAUSE]}}, (409, False, True)),
    "stale": ({}, (409, True, False)),
}


@pytest.mark.parametrize(("status", "expected"), REFUSALS.values(), ids=REFUSALS)
def test_conflicts_are_distinguished(api: ApiServer, status: dict[str, object], expected: tuple[object, ...]) -> None:
    """A write on an old version is decided again; a conflict with another field manager is reported."""
    body = json.dumps({"kind": "Status", "message": "no", **status})
    api.responses |= {f"{DEPLOYMENTS}/shop": Response(409, body)}
    with pytest.raises(ApiError) as refused:
        asked(lambda client: client.get(f"{DEPLOYMENTS}/shop"))
    assert expected == (refused.value.code, refused.value.is_stale, refused.value.is_field_conflict)


def test_login_page(api: ApiServer) -> None:
    """A proxy that responses with a page is one line."""
    api.responses |= {f"{DEPLOYMENTS}/shop": LOGIN_PAGE}
    with pytest.raises(ApiError, match="is not JSON: is this address the API server's"):
        asked(lambda client: client.get(f"{DEPLOYMENTS}/shop"))


def test_unreachable_server(tmp_path: Path, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address at which nothing listens is one line."""
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(kubeconfig(f"http://127.0.0.1:{unused_tcp_port}")))
    monkeypatch.setenv("KUBECONFIG", str(path))
    with pytest.raises(ApiError, match="the API server is not reachable") as failed:
        asked(lambda client: client.get(DEPLOYMENTS))
    assert 0 == failed.value.code
