"""An HTTP server that responses as an API server does: objects by path, and the Status of its errors."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Object = dict[str, Any]


@dataclass(frozen=True)
class Response:
    """A whole HTTP response."""

    status: int
    body: str
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


FORBIDDEN = Response(403, json.dumps({"kind": "Status", "code": 403, "message": "user is not allowed"}))
UNAUTHORIZED = Response(401, json.dumps({"kind": "Status", "code": 401, "message": "Unauthorized"}))
ABSENT = Response(404, json.dumps({"kind": "Status", "code": 404, "message": "not found"}))
NO_RESOURCE = Response(404, "404 page not found\n", "text/plain; charset=utf-8")
LOGIN_PAGE = Response(200, "<html>log in</html>", "text/html")
BAD_GATEWAY = Response(502, "<html>bad gateway</html>", "text/html")
REDIRECT = Response(302, "", "text/html", {"Location": "/login"})


@dataclass
class ApiServer:
    """Responses by the longest beginning of the path; ABSENT for every other. `requests` are path and Authorization."""

    url: str
    responses: dict[str, Response | Object] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)

    def response(self, path: str) -> Response:
        """Return the response to a path."""
        prefixes = [prefix for prefix in self.responses if path.startswith(prefix)]
        found = self.responses[max(prefixes, key=len)] if prefixes else ABSENT
        return found if isinstance(found, Response) else Response(200, json.dumps(found))

    def kubeconfig(self, folder: Path, **user: Any) -> Path:
        """Write a kubeconfig whose context `test` leads here, with `demo` as current namespace."""
        path = folder / "kubeconfig"
        path.write_text(json.dumps(kubeconfig(self.url, user)))
        return path


def kubeconfig(server: str, user: Object | None = None, namespace: str = "demo") -> Object:
    """Return the content of a kubeconfig with one context, `test`."""
    return {
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": server}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "me", "namespace": namespace}}],
        "users": [{"name": "me", "user": user or {}}],
    }


@contextmanager
def api_server(responses: dict[str, Response | Object] | None = None) -> Iterator[ApiServer]:
    """Serve `responses` on a free port."""
    api = ApiServer("", dict(responses or {}))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            api.requests.append((self.path, self.headers.get("Authorization")))
            response = api.response(self.path)
            self.send_response(response.status)
            headers = {"Content-Type": response.content_type, "Content-Length": str(len(response.body.encode()))}
            for name, value in {**headers, **response.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(response.body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
