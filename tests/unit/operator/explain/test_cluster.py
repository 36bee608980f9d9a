"""The API server over real HTTP: objects, refusals, and what is no API server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import kopf
import pytest
from support.servers.api_server import (
    ABSENT,
    BAD_GATEWAY,
    FORBIDDEN,
    LOGIN_PAGE,
    NO_RESOURCE,
    REDIRECT,
    UNAUTHORIZED,
    ApiServer,
    Response,
    api_server,
)
from support.servers.scripted_server import DROP, scripted_server

from spanloom_operator.explain.cluster import Cluster
from spanloom_operator.explain.problems import ExplainError, UnreadableError
from spanloom_operator.kinds import DEPLOYMENT

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMESPACE = "/api/v1/namespaces/demo"
PROFILES = "/apis/spanloom.dev/v1alpha1/namespaces/demo/otelprofiles/default"
QUESTION = ": is it an API server?"
DEPLOYMENTS = "/apis/apps/v1/namespaces/demo/deployments"


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with api_server() as server:
        yield server


def cluster(api: ApiServer, token: str | None = None) -> Cluster:
    return Cluster(kopf.ConnectionInfo(server=api.url, token=token))


def test_objects(api: ApiServer) -> None:
    """An object is read once with the user's token; one that is not there is None."""
    api.responses |= {NAMESPACE: {"kind": "Namespace"}}
    reading = cluster(api, "t")

    assert ({"kind": "Namespace"}, None) == (reading.get("Namespace", "", "demo"), reading.get("ConfigMap", "a", "b"))
    reading.get("Namespace", "", "demo")
    assert [(NAMESPACE, "Bearer t"), ("/api/v1/namespaces/a/configmaps/b", "Bearer t")] == api.requests


def test_names_stay_names(api: ApiServer) -> None:
    """A name with a slash or a question mark cannot become another path."""
    cluster(api).get("OtelProfile", "../x", "a?b")

    assert "/apis/spanloom.dev/v1alpha1/namespaces/..%2Fx/otelprofiles/a%3Fb" == api.requests[0][0]


def test_lists_are_read_to_the_end(api: ApiServer) -> None:
    """A list in pages is one list."""
    api.responses |= {
        f"{DEPLOYMENTS}?": {"items": [{"a": 1}], "metadata": {"continue": "next"}},
        f"{DEPLOYMENTS}?limit=100&labelSelector=x%3Dy&continue=next": {"items": [{"a": 2}], "metadata": {}},
    }

    kind = {"apiVersion": "apps/v1", "kind": "Deployment"}
    assert [{**kind, "a": 1}, {**kind, "a": 2}] == cluster(api).workloads(DEPLOYMENT, "demo", "x=y")


@pytest.mark.parametrize(
    ("path", "response", "expected"),
    [
        (NAMESPACE, FORBIDDEN, "403 Forbidden: user is not allowed"),
        (NAMESPACE, UNAUTHORIZED, "401 Unauthorized: Unauthorized"),
        (NAMESPACE, LOGIN_PAGE, "{url}/api/v1/namespaces/demo responded text/html, expected JSON" + QUESTION),
        (NAMESPACE, BAD_GATEWAY, "{url} responded 502 Bad Gateway: is it an API server?"),
        (NAMESPACE, NO_RESOURCE, "{url} responded 404 Not Found: is it an API server?"),
        (NAMESPACE, REDIRECT, "{url} responded 302 Found: is it an API server?"),
        (NAMESPACE, Response(200, "[]", "a/b"), "{url}/api/v1/namespaces/demo responded a/b, expected JSON" + QUESTION),
        (PROFILES, NO_RESOURCE, "{url} does not serve it: the operator's CRD is not installed"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_line(api: ApiServer, path: str, response: Response, expected: str) -> None:
    """A refusal, a missing CRD and a server that is none are distinguished, and asked once."""
    api.responses |= {path: response}
    reading = cluster(api)
    kind, namespace, name = ("Namespace", "", "demo") if path == NAMESPACE else ("OtelProfile", "demo", "default")

    for _ in range(2):
        with pytest.raises(UnreadableError) as error:
            reading.get(kind, namespace, name)

        assert expected.format(url=api.url) == str(error.value)
    assert 1 == len(api.requests)


def test_a_redirect_is_not_followed(api: ApiServer) -> None:
    """The token goes to the API server and nowhere else."""
    api.responses |= {NAMESPACE: REDIRECT, "/login": ABSENT}

    with pytest.raises(UnreadableError):
        cluster(api, "t").get("Namespace", "", "demo")

    assert [NAMESPACE] == [path for path, _ in api.requests]


def test_an_unreachable_server_is_one_line(unused_tcp_port: int) -> None:
    """A connection that is refused is said with address and reason."""
    with pytest.raises(UnreadableError) as error:
        Cluster(kopf.ConnectionInfo(server=f"http://127.0.0.1:{unused_tcp_port}")).get("Namespace", "", "a")

    assert f"http://127.0.0.1:{unused_tcp_port} is not reachable: Connection refused" == str(error.value)


def test_an_unreachable_server_is_asked_once() -> None:
    """After one connection that failed, no other is tried, so that no user waits for each object."""
    with scripted_server(DROP) as server:
        reading = Cluster(kopf.ConnectionInfo(server=server.url))
        for name in ("a", "b"):
            with pytest.raises(UnreadableError, match="is not reachable: Remote end closed connection"):
                reading.get("Namespace", "", name)

        assert 1 == server.connections


def test_a_token_that_is_no_header_is_not_shown(api: ApiServer) -> None:
    """A token with a line break, as a plugin may print it, is refused without its text."""
    with pytest.raises(UnreadableError) as error:
        cluster(api, "se\ncret").get("Namespace", "", "demo")

    assert f"{api.url}: the credentials cannot stand in an HTTP header" == str(error.value)


def test_certificates_that_cannot_be_read() -> None:
    """A certificate authority that is no certificate is one line."""
    with pytest.raises(ExplainError, match=r"^certificates of https://here: "):
        Cluster(kopf.ConnectionInfo(server="https://here", ca_data="bm9uZQ=="))
