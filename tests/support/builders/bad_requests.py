"""Invalid requests, and the responses of both services."""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from uuid import UUID

from support.builders.user_names import BAD_NAMES

JSON = {"Content-Type": "application/json"}
UNKNOWN_USER = f"/users/{UUID(int=0)}"


class BadRequest(NamedTuple):
    """An invalid request; `options` are those of aiohttp, `fields` those that the problem names."""

    status: int
    method: str
    path: str
    options: dict[str, Any]
    fields: list[str] = []  # noqa: RUF012 # never changed; a NamedTuple has no factories


def _post(status: int, body: bytes | str, *fields: str, **headers: str) -> BadRequest:
    return BadRequest(status, "POST", "/users", {"data": body, "headers": {**JSON, **headers}}, list(fields))


async def _chunks() -> Any:
    for _ in range(9):
        yield b" " * 8192


BAD_REQUESTS = {
    **{f"name {name!r:.20}": _post(422, json.dumps({"name": name}), "name") for name in BAD_NAMES if name != "\ud800"},
    "lone surrogate": _post(422, '{"name": "\\ud800"}', "name"),
    "surrogate as field": _post(422, '{"name": "Ada", "\\udfff": 1}', ""),
    "no field": _post(422, "{}", "name"),
    "unknown field": _post(422, '{"name": "Ada", "admin": true}', "admin"),
    "long unknown field": _post(422, '{"name": "Ada", "' + "x" * 999 + '": true}', "x" * 64),
    "id chosen by the client": _post(422, json.dumps({"name": "Ada", "id": str(UUID(int=1))}), "id"),
    "no object": _post(422, '["Ada"]', ""),
    "no body": _post(422, "", ""),
    "no JSON": _post(400, "{"),
    "truncated JSON": _post(400, '{"name": "Ada"'),
    "no UTF-8": _post(400, b'{"name": "\xff\xfe"}'),
    "deep JSON": _post(400, "[" * 30_000),
    "plain text": BadRequest(
        415, "POST", "/users", {"data": '{"name": "Ada"}', "headers": {"Content-Type": "text/plain"}}
    ),
    "form": BadRequest(415, "POST", "/users", {"data": {"name": "Ada"}}),
    "no content type": BadRequest(
        415, "POST", "/users", {"data": b'{"name": "Ada"}', "skip_auto_headers": ["Content-Type"]}
    ),
    "too large": _post(413, json.dumps({"name": "Ada"}) + " " * 65_536),
    "too large, chunked": BadRequest(413, "POST", "/users", {"data": _chunks, "headers": JSON}),
    "malformed id": BadRequest(422, "GET", "/users/42", {}, ["user_id"]),
    "malformed id to delete": BadRequest(422, "DELETE", "/users/42", {}, ["user_id"]),
    "unknown id": BadRequest(404, "GET", UNKNOWN_USER, {}),
    "unknown id to delete": BadRequest(404, "DELETE", UNKNOWN_USER, {}),
    "unknown path": BadRequest(404, "GET", "/user", {}),
    "trailing slash": BadRequest(404, "GET", "/users/", {}),
    "limit 0": BadRequest(422, "GET", "/users?limit=0", {}, ["limit"]),
    "limit 101": BadRequest(422, "GET", "/users?limit=101", {}, ["limit"]),
    "limit is no number": BadRequest(422, "GET", "/users?limit=all", {}, ["limit"]),
    "limit twice": BadRequest(422, "GET", "/users?limit=1&limit=2", {}, ["limit"]),
    "after is no cursor": BadRequest(422, "GET", "/users?after=x", {}, ["after"]),
    "after with a newline": BadRequest(422, "GET", f"/users?after={'A' * 32}%0A", {}, ["after"]),
    "unknown parameter": BadRequest(422, "GET", "/users?offset=10", {}, ["offset"]),
}
WRONG_METHODS = [("PUT", "/users", "GET, POST"), ("HEAD", "/users", "GET, POST"), ("POST", UNKNOWN_USER, "GET, DELETE")]
