"""What server and client spans say of HTTP alike (OpenTelemetry semantic conventions, "HTTP spans")."""

from __future__ import annotations

METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", "QUERY"})
LONGEST_METHOD = 32


def method_attributes(method: str) -> dict[str, str]:
    """Return the method, or `_OTHER` for one that the conventions do not know: a caller may invent any."""
    if method in METHODS:
        return {"http.request.method": method}
    return {"http.request.method": "_OTHER", "http.request.method_original": method[:LONGEST_METHOD]}


def known_method(method: str) -> str:
    """Return the method, or `_OTHER`."""
    return method if method in METHODS else "_OTHER"


def span_name(method: str, route: str | None = None) -> str:
    """Return a span's name: the method, of one that is not known "HTTP", and the route if there is one."""
    known = method if method in METHODS else "HTTP"
    return f"{known} {route}" if route else known
