"""Requests that carry secrets and personal data. CANARY is replaced by a unique word."""

from __future__ import annotations

import json
from uuid import uuid4

from support.raw_http import Request

# Services that export every signal, often
SETTINGS = {"OTEL_LOGS_EXPORTER": "otlp", "OTEL_METRIC_EXPORT_INTERVAL": "500", "SPANLOOM_FILTER": "debug"}
FAILED = 503  # of users-api, when users-db-service responds with 500
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
ABSENT = "/users/00000000-0000-0000-0000-000000000000"
# The database refuses these users with errors that quote them.
TRAPS = """
CREATE UNIQUE INDEX ON users (name);
ALTER TABLE users ADD CHECK (name NOT LIKE '%checked%');
CREATE FUNCTION refuse() RETURNS trigger AS $$
BEGIN RAISE EXCEPTION 'no place for %', NEW.name; END $$ LANGUAGE plpgsql;
CREATE TRIGGER refuse BEFORE INSERT ON users FOR EACH ROW WHEN (NEW.name LIKE '%trigger%') EXECUTE FUNCTION refuse();
"""


def post(body: str, kind: str = "application/json") -> Request:
    return Request("POST", "/users", (("Content-Type", kind),), body)


def user(name: object, **more: object) -> Request:
    return post(json.dumps({"name": name, **more}))


def get(path: str, **headers: str) -> Request:
    return Request("GET", path, tuple((name.replace("_", "-"), value) for name, value in headers.items()))


def header(*names: str) -> list[Request]:
    return [Request("GET", "/users", ((name, "CANARY"),)) for name in names]


# The requests (CANARY is replaced), and the expected status codes.
PATHS: dict[str, tuple[list[Request], set[int]]] = {
    "credentials in headers": (header("Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key"), {200}),
    "personal data in headers": (header("From", "Referer", "Forwarded", "X-Forwarded-For", "X-Real-Ip"), {200}),
    "name of a header": ([get("/users", X_CANARY="1")], {200}),
    "baggage": ([get("/users", baggage="user=CANARY;p=CANARY,x=CANARY")], {200}),
    "baggage, malformed": (header("baggage"), {200}),
    "tracestate, malformed": ([get("/users", traceparent=f"00-{'1' * 32}-{'2' * 16}-01", tracestate="CANARY")], {200}),
    "traceparent, malformed": (header("traceparent"), {200}),
    "query": ([get(f"{path}?limit=1&token=CANARY") for path in ("/users", ABSENT, "/no", "/healthz")], {200, 404, 422}),
    "cursor": ([get("/users?after=CANARY")], {422}),
    "name of a query parameter": ([get("/users?CANARY=1")], {422}),
    "path": ([get(path) for path in ("/CANARY", "/users/CANARY", "/users/CANARY/CANARY")], {404, 422}),
    "path, percent-encoded": ([get("/users/%43CANARY%0aCANARY")], {422}),
    "method": ([Request("CANARY", "/users")], {400}),
    "user and password in the target": ([get("http://CANARY:CANARY@localhost/users")], {200}),
    "WebSocket": ([get("/users?token=CANARY", **UPGRADE)], {422}),
    "body": ([user("CANARY")], {201}),
    "body, too long": ([user("CANARY" * 99)], {422}),
    "body, wrong type": ([user(["CANARY"])], {422}),
    "body, unknown field": ([user("Ada", CANARY="CANARY")], {422}),
    "body, control character": ([user("CANARY\x00")], {422}),
    "body, broken": ([post('{"name": "CANARY')], {400}),
    "body, a form": ([post("--CANARY", "multipart/form-data; boundary=CANARY")], {415}),
    "database: duplicate key": ([user("CANARY twice"), user("CANARY twice")], {201, FAILED}),
    "database: check": ([user("CANARY checked")], {FAILED}),
    "database: text of an exception": ([user("CANARY trigger")], {FAILED}),
}


class Outputs:
    """The outputs of the processes by name, the status codes of the requests, and the canary of each path."""

    def __init__(self) -> None:
        self.bytes: dict[str, bytes] = {}
        self.responses: dict[str, set[int]] = {}
        self.canaries = {path: f"canary{uuid4().hex}" for path in PATHS}

    def where(self, word: str) -> list[str]:
        """Return the names of the outputs that contain `word`."""
        return [place for place, found in self.bytes.items() if word.encode() in found]

    def unexpected(self) -> dict[str, set[int]]:
        """Return the status codes of the paths that had unexpected ones."""
        expected = {path: statuses for path, (_, statuses) in PATHS.items()}
        return {path: self.responses[path] for path in PATHS if self.responses[path] != expected[path]}
