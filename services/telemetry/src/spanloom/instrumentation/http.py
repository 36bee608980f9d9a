"""Names and attributes that server and client spans share (OpenTelemetry semantic conventions, "HTTP spans")."""

from __future__ import annotations

METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", "QUERY"})
OTHER = "_OTHER"
MAX_METHOD_LENGTH = 32


def method_attributes(method: str) -> dict[str, str]:
    """Return the attributes of a method; one that the conventions do not know may be invented by the caller."""
    if method in METHODS:
        return {"http.request.method": method}
    return {"http.request.method": OTHER, "http.request.method_original": method[:MAX_METHOD_LENGTH]}


def known_method(method: str) -> str:
    """Return the method, or `_OTHER`."""
    return method if method in METHODS else OTHER


def span_name(method: str, route: str | None = None) -> str:
    """Return `GET /users/{name}`, `GET` without a route; `HTTP` stands for an unknown method."""
    known = method if method in METHODS else "HTTP"
    return f"{known} {route}" if route else known
