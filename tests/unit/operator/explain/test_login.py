"""Credentials of a context."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from spanloom_operator.explain.kubeconfig import Context
from spanloom_operator.explain.login import connection_of
from spanloom_operator.explain.problems import ExplainError

if TYPE_CHECKING:
    from pathlib import Path

CLUSTER = {"server": "https://here/", "certificate-authority-data": "data", "certificate-authority": "file"}
PRINT_INFO = """\
import json, os
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
print(json.dumps({"status": {"token": "-".join([os.environ["OWN"], info["kind"], info["spec"]["cluster"]["server"]])}}))
"""


def headers(**user: Any) -> dict[str, str]:
    return connection_of(Context("test", "demo", CLUSTER, user)).as_http_headers()


def plugin(program: str, **fields: Any) -> dict[str, Any]:
    return {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", program],
        **fields,
    }


def test_connection() -> None:
    """The server has no slash at its end; data wins over files; a proxy of the cluster is kept."""
    found = connection_of(Context("test", "demo", {**CLUSTER, "proxy-url": "http://proxy"}, {"client-key": "file"}))

    assert ("https://here", "data", None, "http://proxy") == (
        found.server,
        found.ca_data,
        found.ca_path,
        found.proxy_url,
    )
    assert (None, "file") == (found.private_key_data, found.private_key_path)


def test_tokens_and_passwords(tmp_path: Path) -> None:
    """A token, a token file and a password become the Authorization header."""
    (tmp_path / "token").write_text("secret\n")

    assert {"Authorization": "Bearer t"} == headers(token="t")
    assert {"Authorization": "Bearer secret"} == headers(tokenFile=str(tmp_path / "token"))
    assert {"Authorization": "Basic bWU6cA=="} == headers(username="me", password="p")
    assert {} == headers()


def test_plugin() -> None:
    """A credential plugin gets its own variables and the cluster's description, and its token is used."""
    program = plugin(PRINT_INFO, env=[{"name": "OWN", "value": "own"}], provideClusterInfo=True)

    assert {"Authorization": "Bearer own-ExecCredential-https://here/"} == headers(exec=program)


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"exec": plugin("raise SystemExit(3)")}, f"credential plugin {sys.executable}: exit status 3"),
        ({"exec": plugin("print('hello')")}, f"credential plugin {sys.executable}: no ExecCredential"),
        ({"exec": plugin("print('{}')")}, f"credential plugin {sys.executable}: no ExecCredential"),
        ({"exec": {"command": "no-such-plugin"}}, "credential plugin no-such-plugin: No such file or directory"),
        ({"tokenFile": "none"}, "token file none: No such file or directory"),
        ({"auth-provider": {"name": "oidc"}}, "auth-provider is not supported; kubectl uses exec since 1.26"),
    ],
)
def test_what_is_wrong_is_one_line(user: dict[str, Any], expected: str) -> None:
    """Credentials that cannot be had are named with context and reason."""
    with pytest.raises(ExplainError) as error:
        headers(**user)

    assert f"context test: {expected}" == str(error.value)
