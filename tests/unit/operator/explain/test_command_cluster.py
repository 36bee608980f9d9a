"""`spanloom explain deployment/NAME`: a cluster, and whatever goes wrong with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from support.processes.explain_command import IN_GIT, Run, files, run, titles
from support.servers.api_server import FORBIDDEN, LOGIN_PAGE, NO_RESOURCE, UNAUTHORIZED, ApiServer, kubeconfig

if TYPE_CHECKING:
    from pathlib import Path

PATH = "/apis/apps/v1/namespaces/demo/deployments/shop"


def test_a_cluster_fills_in_what_files_lack(api: ApiServer) -> None:
    """Profiles and the namespace's label come from the current context; --local asks no user."""
    files(a=IN_GIT)

    [found] = run("-f", "a", "-o", "json").found
    asked = len(api.requests)
    [alone] = run("-f", "a", "-o", "json", "--local").found

    assert ("demo", "Injected", "Unknown") == (found["namespace"], found["outcome"], alone["outcome"])
    assert asked == len(api.requests)


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize("arguments", ["deployment/shop", "deploy shop", "deployments", "deploy.apps/shop -n demo"])
def test_a_cluster(arguments: str) -> None:
    """Context and namespace are those of the kubeconfig, and every form of a name is understood."""
    done = run(*arguments.split(), "-o", "json")

    assert (0, "", ["demo/shop"], "Injected") == (done.status, done.err, titles(done.found), done.found[0]["outcome"])


@pytest.mark.usefixtures("api")
def test_a_missing_deployment_does_not_stop_the_others() -> None:
    """Each name that is not there is a line and status 1; the others are explained."""
    done = run("deploy", "none", "shop", "-o", "json")

    assert (1, ["demo/shop"]) == (done.status, titles(done.found))
    assert "spanloom: no Deployment none in namespace demo\n" == done.err


@pytest.mark.parametrize(
    ("response", "outcome", "note"),
    [
        (
            NO_RESOURCE,
            "Unknown",
            "OtelInjection demo/shop ({url} does not serve it: the operator's CRD is not installed)",
        ),
        (FORBIDDEN, "Unknown", "OtelInjection demo/shop (403 Forbidden: user is not allowed)"),
    ],
)
def test_profiles_that_cannot_be_read(api: ApiServer, response: Any, outcome: str, note: str) -> None:
    """Without the CRD, or the right to read it, the Deployment is explained and a note says what is missing."""
    api.responses["/apis/spanloom.dev/"] = response
    del api.responses["/apis/spanloom.dev/v1alpha1/namespaces/spanloom-system/otelprofiles/default"]

    done = run("deploy/shop", "-o", "json")

    assert (0, "", outcome) == (done.status, done.err, done.found[0]["outcome"])
    assert done.found[0]["notes"][-1].endswith(note.format(url=api.url))


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (UNAUTHORIZED, "401 Unauthorized: Unauthorized"),
        (FORBIDDEN, "403 Forbidden: user is not allowed"),
        (LOGIN_PAGE, "{url}" + PATH + " responded text/html, expected JSON: is it an API server?"),
    ],
)
def test_a_cluster_that_refuses_is_one_line(api: ApiServer, response: Any, expected: str) -> None:
    """When the Deployment itself cannot be read, that is the one line, with status 1."""
    api.responses |= dict.fromkeys(api.responses, response)

    assert Run(1, "", f"spanloom: {expected.format(url=api.url)}\n") == run("deploy/shop")


@pytest.mark.parametrize(
    ("content", "arguments", "expected"),
    [
        ("", "deploy/shop", "kubeconfig config: no current context; choose one with --context"),
        ("a: b: c", "deploy/shop", "kubeconfig config: not YAML"),
        (json.dumps(kubeconfig("http://here")), "deploy/shop --context none", "kubeconfig config: no context none"),
        ("", "deploy/shop --kubeconfig other", "kubeconfig other: No such file or directory"),
        ("", "-f a --kubeconfig other", "kubeconfig other: No such file or directory"),
    ],
)
def test_a_kubeconfig_that_does_not_work_is_one_line(
    monkeypatch: pytest.MonkeyPatch, content: str, arguments: str, expected: str
) -> None:
    """An empty, broken or absent kubeconfig is the one line, with status 1."""
    files(config=content, a=IN_GIT)
    monkeypatch.setenv("KUBECONFIG", "config")

    assert Run(1, "", f"spanloom: {expected}\n") == run(*arguments.split())


def test_json_that_is_no_deployment_is_one_line(api: ApiServer) -> None:
    """A server that responses some other JSON is refused by the first field that is missing."""
    api.responses[PATH] = {"hello": "world"}

    done = run("deploy/shop")

    expected = "spanloom: namespace demo: Deployment without a name: no metadata, as in a patch\n"
    assert Run(1, "", expected) == done


def test_no_kubeconfig() -> None:
    """A cluster needs a kubeconfig, and the line says how to give one."""
    assert Run(1, "", "spanloom: no kubeconfig: set KUBECONFIG or --kubeconfig\n") == run("deploy/shop")


def test_an_unreachable_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int) -> None:
    """A Deployment of it is one line with status 1; a file is explained without it."""
    server = f"http://127.0.0.1:{unused_tcp_port}"
    files(config=json.dumps(kubeconfig(server)), a=IN_GIT)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))

    assert Run(1, "", f"spanloom: {server} is not reachable: Connection refused\n") == run("deploy", "shop", "cart")
    done = run("-f", "a", "-o", "json")
    assert (0, "", ["demo/shop"]) == (done.status, done.err, titles(done.found))
