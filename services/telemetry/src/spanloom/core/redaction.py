"""Redaction of telemetry: query strings, and exception messages that contain data.

PostgreSQL reports `Key (email)=(ann@example.org) already exists.`, a validation error repeats the input, an HTTP client
names the URL with its query. Spans and exported log records keep the type, code and stack of an error, and redact data
in its message. The application's own exceptions, records and handlers are not changed.
"""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

REDACTED = "REDACTED"
# Packages whose exception messages contain input data.
REDACTED_PACKAGES = frozenset(
    {"sqlalchemy", "psycopg", "psycopg2", "psycopg_pool", "asyncpg", "sqlite3", "pymysql", "MySQLdb", "aiomysql",
     "pydantic", "pydantic_core", "fastapi"}
)  # fmt: skip
IDENTIFIER = re.compile(r"\d+|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# In text: query and fragment of an absolute URL; what follows a path and "?"; `?name=value` anywhere; user and
# password.
URL_QUERY = re.compile(r"(\w+://[^\s'\"<>?#]*)[?#][^\s'\"<>]*")
PATH_QUERY = re.compile(r"(/[^\s'\"<>?]*)\?[^\s'\"<>]+")
BARE_QUERY = re.compile(r"(?<=\S)\?[\w.~%+\[\]-]+=[^\s'\"<>]*")
URL_USER = re.compile(r"(\w+://)[^\s'\"<>/@]+@")
# Lengths in characters. A shorter line of a redacted message is replaced only as a complete line; a shorter request
# value is not replaced, as it would match everywhere.
MIN_SUBSTRING, MIN_VALUE = 12, 3
# In a traceback: the margin of exception groups, then a frame or its line of source code.
MARGIN = re.compile(r"(?:\s*[|+][\s+-]?)?")
FRAME = re.compile(r"  File \"|    ")


def redact_path(path: str, route: str | None) -> str:
    """Return `path` with the caller's data redacted.

    Segments of the matched `route` template, numbers and UUIDs are kept; other segments become REDACTED.
    """
    if path == route:
        return path
    literal, is_identifier = _segments(route), IDENTIFIER.fullmatch
    return "/".join([part if part in literal or is_identifier(part) else REDACTED for part in path.split("/")])


@lru_cache(maxsize=1024)
def _segments(route: str | None) -> frozenset[str]:
    """Return the segments of a route template, which callers cannot choose."""
    return frozenset(route.split("/")) if route else frozenset({""})


def strip_query(url: str) -> str:
    """Return `url` without its query, fragment, user name and password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return REDACTED
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


# Attributes that may contain a query string, in spans of any instrumentation.
REDACTED_ATTRIBUTES: Mapping[str, Callable[[str], str]] = {
    "url.query": lambda _: REDACTED,
    "url.full": strip_query,
    "http.url": strip_query,
    "http.target": strip_query,
}


def redact_attributes(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a span's attributes with query strings redacted; the same mapping if there is nothing to redact."""
    if REDACTED_ATTRIBUTES.keys().isdisjoint(attributes):
        return attributes
    return {
        key: REDACTED_ATTRIBUTES[key](str(value)) if key in REDACTED_ATTRIBUTES else value
        for key, value in attributes.items()
    }


def redact_urls(text: str) -> str:
    """Return `text` with the queries, fragments and credentials of URLs redacted."""
    if "?" not in text and "://" not in text:
        return text
    text = URL_QUERY.sub(rf"\1?{REDACTED}", URL_USER.sub(rf"\1{REDACTED}@", text))
    return BARE_QUERY.sub(f"?{REDACTED}", PATH_QUERY.sub(rf"\1?{REDACTED}", text))


@dataclass(frozen=True)
class RedactedError:
    """Redacted message and stack trace of an exception."""

    message: str
    stacktrace: str


@dataclass(frozen=True)
class Redaction:
    """What to redact in text: lines of exception messages, and values of the current request."""

    lines: Mapping[str, str]
    values: frozenset[str] = frozenset()

    def redact_text(self, text: str) -> str:
        """Return `text`, one or more lines, redacted."""
        return "\n".join(self._redact_line(line) for line in text.split("\n"))

    def redact_traceback(self, text: str) -> str:
        """Return a formatted traceback with messages redacted and frames unchanged."""
        return "\n".join(self._redact_line(line, keeps_frames=True) for line in text.split("\n"))

    def redact_error(self, error: BaseException) -> RedactedError:
        """Return message and stack trace of `error`, redacted."""
        stacktrace = self.redact_traceback("".join(traceback.format_exception(type(error), error, error.__traceback__)))
        return RedactedError(self.redact_text(error_text(error)), stacktrace)

    def _redact_line(self, line: str, *, keeps_frames: bool = False) -> str:
        margin = MARGIN.match(line)
        start = margin.end() if margin else 0
        content = line[start:]
        if content.strip() in self.lines:
            return line[:start] + self.lines[content.strip()]
        if keeps_frames and FRAME.match(content):
            return line
        for line_text, replacement in self.lines.items():
            if len(line_text) >= MIN_SUBSTRING or content.endswith(f": {line_text}"):
                content = content.replace(line_text, replacement)
        for value in self.values:
            content = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", REDACTED, content)
        return line[:start] + redact_urls(content)


def redaction_for(errors: Iterable[BaseException], request: Mapping[str, Any] | None = None) -> Redaction:
    """Return the redaction for `errors` recorded during `request` (an ASGI scope or WSGI environ)."""
    lines = {
        line: text for error in errors for linked in _linked_errors(error) for line, text in _redacted_lines(linked)
    }
    return Redaction(dict(sorted(lines.items(), key=lambda item: -len(item[0]))), _request_values(request or {}))


def may_contain_data(error: BaseException) -> bool:
    """Return whether the message of `error` may contain input data."""
    return any(base.__module__.partition(".")[0] in REDACTED_PACKAGES for base in type(error).__mro__)


def error_text(error: BaseException) -> str:
    """Return `str(error)`; a placeholder if the class of `error` fails at it."""
    try:
        return str(error)
    except Exception:
        return "<exception str() failed>"


def sqlstate(error: BaseException) -> str | None:
    """Return PostgreSQL's five-character error code, also from SQLAlchemy's wrapper."""
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    return state if isinstance(state, str) else None


def _linked_errors(error: BaseException) -> Iterator[BaseException]:
    """Yield `error`, its causes, contexts and members of groups, each once: chains may contain cycles."""
    visited: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        linked = pending.pop()
        if linked is None or id(linked) in visited:
            continue
        visited.add(id(linked))
        yield linked
        members = getattr(linked, "exceptions", ())  # of an ExceptionGroup, since Python 3.11
        pending += [linked.__cause__, linked.__context__, *(members if isinstance(members, tuple) else ())]


def _redacted_lines(error: BaseException) -> Iterator[tuple[str, str]]:
    """Yield each line of the message of an error that may contain data, with its replacement."""
    if not may_contain_data(error):
        return
    state = sqlstate(error)
    first = f"{REDACTED} (SQLSTATE {state})" if state else REDACTED
    for text in (error_text(error), str(getattr(error, "orig", None) or "")):
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        yield from zip(lines, [first, *[REDACTED] * len(lines)])


def _request_values(request: Mapping[str, Any]) -> frozenset[str]:
    """Return the values of query and path parameters that are long enough to be matched in text."""
    query = request.get("query_string") or request.get("QUERY_STRING") or ""
    text = query.decode("latin-1") if isinstance(query, bytes) else str(query)
    values = [value for _, value in parse_qsl(text, errors="replace", max_num_fields=100)] if text else []
    parameters = request.get("path_params") or {}
    values += [str(value) for value in parameters.values()] if isinstance(parameters, dict) else []
    return frozenset(value for value in values if len(value) >= MIN_VALUE and not IDENTIFIER.fullmatch(value))
