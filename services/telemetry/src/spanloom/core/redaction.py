"""What must not leave the process in telemetry: query strings, and the texts of errors that quote data.

PostgreSQL writes `Key (email)=(ann@example.org) already exists.`, a validation error repeats the input, an HTTP client
names the URL with its query. Spans and exported logs keep type, code and stack of an error, and the text only as far
as it quotes nothing. The application's own exceptions, records and handlers are never changed.
"""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

REDACTED = "REDACTED"
# Packages whose exceptions quote the data they were given.
QUOTING = frozenset(
    {"sqlalchemy", "psycopg", "psycopg2", "psycopg_pool", "asyncpg", "sqlite3", "pymysql", "MySQLdb", "aiomysql",
     "pydantic", "pydantic_core", "fastapi"}
)  # fmt: skip
IDENTIFIER = re.compile(r"\d+|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# In prose: the query and fragment of an absolute URL; whatever follows a path and "?"; `?name=value` behind anything;
# user and password.
URL_QUERY = re.compile(r"(\w+://[^\s'\"<>?#]*)[?#][^\s'\"<>]*")
PATH_QUERY = re.compile(r"(/[^\s'\"<>?]*)\?[^\s'\"<>]+")
BARE_QUERY = re.compile(r"(?<=\S)\?[\w.~%+\[\]-]+=[^\s'\"<>]*")
URL_USER = re.compile(r"(\w+://)[^\s'\"<>/@]+@")
# Characters. A shorter line of a quoted text is redacted only where it is the whole line; a shorter value of a request
# not at all, as it would be found everywhere.
MIN_SUBSTRING, MIN_VALUE = 12, 3
# In a traceback: the margin that exception groups draw, and behind it a frame or its line of source code.
MARGIN = re.compile(r"(?:\s*[|+][\s+-]?)?")
FRAME = re.compile(r"  File \"|    ")


def safe_path(path: str, route: str | None) -> str:
    """Return `path` without what a caller may have put into it.

    Segments of the matched `route` template, numbers and UUIDs stay; any other becomes REDACTED.
    """
    if path == route:
        return path
    literal = set(route.split("/")) if route else {""}
    return "/".join(part if part in literal or IDENTIFIER.fullmatch(part) else REDACTED for part in path.split("/"))


def without_query(url: str) -> str:
    """Return `url` without its query, fragment, user name and password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return REDACTED
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


# Attributes that may hold a query string, whoever sets them.
REDACTED_ATTRIBUTES: Mapping[str, Callable[[str], str]] = {
    "url.query": lambda _: REDACTED,
    "url.full": without_query,
    "http.url": without_query,
    "http.target": without_query,
}


def redact_attributes(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a span's attributes without query strings; the very same mapping when there is nothing to redact."""
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
    """An exception as it may be recorded: attributes of an `exception` event or log record, except the type."""

    message: str
    stacktrace: str


@dataclass(frozen=True)
class Redaction:
    """Texts to redact: those of exceptions that quote data, and the values that came with the current request."""

    lines: Mapping[str, str]
    values: frozenset[str] = frozenset()

    def text(self, text: str) -> str:
        """Return `text`, one or more lines of prose, redacted."""
        return "\n".join(self._line(line) for line in text.split("\n"))

    def traceback(self, text: str) -> str:
        """Return a formatted traceback with its messages redacted and its frames as they are."""
        return "\n".join(self._line(line, keeps_frames=True) for line in text.split("\n"))

    def error(self, error: BaseException) -> RedactedError:
        """Return message and stack trace of `error`."""
        stacktrace = self.traceback("".join(traceback.format_exception(type(error), error, error.__traceback__)))
        return RedactedError(self.text(text_of(error)), stacktrace)

    def _line(self, line: str, *, keeps_frames: bool = False) -> str:
        margin = MARGIN.match(line)
        start = margin.end() if margin else 0
        content = line[start:]
        if content.strip() in self.lines:
            return line[:start] + self.lines[content.strip()]
        if keeps_frames and FRAME.match(content):
            return line
        for quoted, instead in self.lines.items():
            if len(quoted) >= MIN_SUBSTRING or content.endswith(f": {quoted}"):
                content = content.replace(quoted, instead)
        for value in self.values:
            content = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", REDACTED, content)
        return line[:start] + redact_urls(content)


def redaction(errors: Iterable[BaseException], request: Mapping[str, Any] | None = None) -> Redaction:
    """Return what to redact where `errors` are recorded while `request` (an ASGI scope or WSGI environ) is handled."""
    lines = {line: text for error in errors for link in _links(error) for line, text in _quoted(link)}
    return Redaction(dict(sorted(lines.items(), key=lambda item: -len(item[0]))), _values(request or {}))


def is_quoting(error: BaseException) -> bool:
    """Return whether the text of `error` may repeat the data it was given."""
    return any(base.__module__.partition(".")[0] in QUOTING for base in type(error).__mro__)


def text_of(error: BaseException) -> str:
    """Return `str(error)`, which an application's own class may fail at."""
    try:
        return str(error)
    except Exception:
        return "<exception str() failed>"


def sqlstate(error: BaseException) -> str | None:
    """Return PostgreSQL's five-character code of an error, also through SQLAlchemy's wrapper."""
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    return state if isinstance(state, str) else None


def _links(error: BaseException) -> Iterator[BaseException]:
    """Yield `error`, its causes, contexts and the members of groups, each once: such chains may have cycles."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        link = waiting.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        members = getattr(link, "exceptions", ())  # of an ExceptionGroup, which Python 3.10 has not got
        waiting += [link.__cause__, link.__context__, *(members if isinstance(members, tuple) else ())]


def _quoted(error: BaseException) -> Iterator[tuple[str, str]]:
    """Yield the lines of the text of an error that quotes data, each with what to write instead."""
    if not is_quoting(error):
        return
    state = sqlstate(error)
    first = f"{REDACTED} (SQLSTATE {state})" if state else REDACTED
    for text in (text_of(error), str(getattr(error, "orig", None) or "")):
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        yield from zip(lines, [first, *[REDACTED] * len(lines)])  # noqa: B905 Python 3.9 has no strict


def _values(request: Mapping[str, Any]) -> frozenset[str]:
    """Return the values of the query and of path parameters, as far as they are long enough to be found again."""
    query = request.get("query_string") or request.get("QUERY_STRING") or ""
    text = query.decode("latin-1") if isinstance(query, bytes) else str(query)
    found = [value for _, value in parse_qsl(text, errors="replace", max_num_fields=100)] if text else []
    parameters = request.get("path_params") or {}
    found += [str(value) for value in parameters.values()] if isinstance(parameters, dict) else []
    return frozenset(value for value in found if len(value) >= MIN_VALUE and not IDENTIFIER.fullmatch(value))
