"""The API server, read with a user's own credentials: GET and nothing else."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from spanloom_operator.explain.problems import ExplainError, UnreadableError
from spanloom_operator.kinds import KINDS

if TYPE_CHECKING:
    import kopf

    from spanloom_operator.kinds import Kind

Object = dict[str, Any]
TIMEOUT_SECONDS = 10
USER_AGENT = "spanloom-explain"
NOT_FOUND = 404
PATHS = {
    "Namespace": "/api/v1/namespaces",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    **{kind.name: f"/apis/{kind.api_version}/namespaces/{{}}/{kind.plural}" for kind in KINDS.values()},
    "OtelInjection": "/apis/spanloom.dev/v1alpha1/namespaces/{}/otelinjections",
    "OtelProfile": "/apis/spanloom.dev/v1alpha1/namespaces/{}/otelprofiles",
}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An API server redirects no user, and credentials must not follow."""

    def redirect_request(self, *_: Any) -> None:
        """Return no request: the redirect becomes an error."""


class Cluster:
    """Objects of one cluster. Responses and failures are kept, so that no question is asked twice."""

    def __init__(self, connection: kopf.ConnectionInfo) -> None:
        self.server = connection.server
        self._headers = {**connection.as_http_headers(), "Accept": "application/json", "User-Agent": USER_AGENT}
        self._opener = _opener(connection)
        self._responses: dict[str, Object | UnreadableError] = {}
        self._unreachable: UnreadableError | None = None

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """Return the object, or None when there is none; raise UnreadableError."""
        return self._get(f"{PATHS[kind].format(quote(namespace, safe=''))}/{quote(name, safe='')}") or None

    def workloads(self, kind: Kind, namespace: str, selector: str = "") -> list[Object]:
        """Return the workloads of a kind and a namespace ("": of all) that a label selector selects."""
        of_namespace = PATHS[kind.name].format(quote(namespace, safe=""))
        path = of_namespace if namespace else f"/apis/{kind.api_version}/{kind.plural}"
        return [{"apiVersion": kind.api_version, "kind": kind.name, **item} for item in self._items(path, selector)]

    def _items(self, path: str, selector: str) -> list[Object]:
        found: list[Object] = []
        query = {"limit": "100", "labelSelector": selector, "continue": ""}
        while True:
            page = self._get(f"{path}?{urlencode(query)}")
            found += page.get("items") or []
            query["continue"] = (page.get("metadata") or {}).get("continue") or ""
            if not query["continue"]:
                return found

    def _get(self, path: str) -> Object:
        if path not in self._responses:
            self._responses[path] = self._ask(path)
        response = self._responses[path]
        if isinstance(response, UnreadableError):
            raise response
        return response

    def _ask(self, path: str) -> Object | UnreadableError:
        """Return the object, {} when there is none, or why it cannot be read."""
        if self._unreachable:
            return self._unreachable
        request = urllib.request.Request(self.server + path, headers=self._headers)  # noqa: S310 - as configured
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                return self._decoded(path, response.read(), response.headers.get_content_type())
        except urllib.error.HTTPError as error:
            return self._refused(path, error)
        except ValueError:  # its text has the header
            self._unreachable = UnreadableError(f"{self.server}: the credentials cannot stand in an HTTP header")
            return self._unreachable
        except (OSError, http.client.HTTPException) as error:
            self._unreachable = UnreadableError(f"{self.server} is not reachable: {_reason(error)}")
            return self._unreachable

    def _decoded(self, path: str, body: bytes, content_type: str) -> Object | UnreadableError:
        try:
            response = json.loads(body)
        except ValueError:
            response = None
        if isinstance(response, dict):
            return response
        return UnreadableError(
            f"{self.server}{path.partition('?')[0]} responded {content_type}, expected JSON: is it an API server?"
        )

    def _refused(self, path: str, error: urllib.error.HTTPError) -> Object | UnreadableError:
        status = self._decoded(path, error.read(), error.headers.get_content_type())
        if isinstance(status, dict) and status.get("kind") == "Status":
            text = " ".join(str(status.get("message")).split())
            return {} if error.code == NOT_FOUND else UnreadableError(f"{error.code} {error.reason}: {text}")
        if error.code == NOT_FOUND and path.startswith("/apis/spanloom.dev/"):
            return UnreadableError(f"{self.server} does not serve it: the operator's CRD is not installed")
        return UnreadableError(f"{self.server} responded {error.code} {error.reason}: is it an API server?")


def _opener(connection: kopf.ConnectionInfo) -> urllib.request.OpenerDirector:
    """Return a client with the cluster's certificates and proxy."""
    try:
        tls = urllib.request.HTTPSHandler(context=connection.as_ssl_context())
    except (OSError, ValueError) as error:
        raise ExplainError(f"certificates of {connection.server}: {error}") from None
    return urllib.request.build_opener(_NoRedirect, tls, urllib.request.ProxyHandler(_proxies(connection)))


def _proxies(connection: kopf.ConnectionInfo) -> dict[str, str] | None:
    """Return the proxy of each scheme, or None for those of the environment; loopback has none, as in Go."""
    if connection.proxy_url:
        return dict.fromkeys(("http", "https"), connection.proxy_url)
    host = urlsplit(connection.server).hostname or ""
    return {} if host in {"localhost", "::1"} or host.startswith("127.") else None


def _reason(error: Exception) -> str:
    """Return the cause in one line; urllib and ssl wrap it."""
    cause = getattr(error, "reason", error)
    return getattr(cause, "verify_message", "") or getattr(cause, "strerror", "") or str(cause) or type(cause).__name__
