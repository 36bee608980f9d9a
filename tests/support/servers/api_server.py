"""An HTTP server that answers as an API server does: objects by path, and the Status of its errors."""

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
class Answer:
    """A whole HTTP response."""

    status: int
    body: str
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


FORBIDDEN = Answer(403, json.dumps({"kind": "Status", "code": 403, "message": "user is not allowed"}))
UNAUTHORIZED = Answer(401, json.dumps({"kind": "Status", "code": 401, "message": "Unauthorized"}))
ABSENT = Answer(404, json.dumps({"kind": "Status", "code": 404, "message": "not found"}))
NO_RESOURCE = Answer(404, "404 page not found\n", "text/plain; charset=utf-8")
LOGIN_PAGE = Answer(200, "<html>log in</html>", "text/html")
BAD_GATEWAY = Answer(502, "<html>bad gateway</html>", "text/html")
REDIRECT = Answer(302, "", "text/html", {"Location": "/login"})


@dataclass
class ApiServer:
    """Answers by the longest beginning of the path; ABSENT for every other. `requests` are path and Authorization."""

    url: str
    answers: dict[str, Answer | Object] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)

    def answer(self, path: str) -> Answer:
        """Return the answer to a path."""
        prefixes = [prefix for prefix in self.answers if path.startswith(prefix)]
        found = self.answers[max(prefixes, key=len)] if prefixes else ABSENT
        return found if isinstance(found, Answer) else Answer(200, json.dumps(found))

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
def api_server(answers: dict[str, Answer | Object] | None = None) -> Iterator[ApiServer]:
    """Serve `answers` on a free port."""
    api = ApiServer("", dict(answers or {}))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            api.requests.append((self.path, self.headers.get("Authorization")))
            answer = api.answer(self.path)
            self.send_response(answer.status)
            headers = {"Content-Type": answer.content_type, "Content-Length": str(len(answer.body.encode()))}
            for name, value in {**headers, **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body.encode())

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
