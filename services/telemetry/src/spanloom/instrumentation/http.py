"""Names and attributes common to server and client spans (OpenTelemetry semantic conventions, "HTTP spans")."""

from __future__ import annotations

METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", "QUERY"})
OTHER = "_OTHER"
MAX_METHOD_LENGTH = 32


def method_attributes(method: str) -> dict[str, str]:
    """Return the attributes of a method; a nonstandard one, which a caller may choose, becomes `_OTHER`."""
    if method in METHODS:
        return {"http.request.method": method}
    return {"http.request.method": OTHER, "http.request.method_original": method[:MAX_METHOD_LENGTH]}


def standard_method(method: str) -> str:
    """Return the method, or `_OTHER` for a nonstandard one."""
    return method if method in METHODS else OTHER


def span_name(method: str, route: str | None = None) -> str:
    """Return `GET /users/{name}`, or `GET` without a route; `HTTP` replaces a nonstandard method."""
    prefix = method if method in METHODS else "HTTP"
    return f"{prefix} {route}" if route else prefix
