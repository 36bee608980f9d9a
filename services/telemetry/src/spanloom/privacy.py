"""What must not leave the process in telemetry: query strings, and the text of errors that quote data.

PostgreSQL writes `Key (email)=(ann@example.org) already exists.`, a validation error repeats the input. Spans and
logs keep the type, the code and the stack of such errors; the text stays inside.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit, urlunsplit

from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace import Status
from wrapt import wrap_function_wrapper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from opentelemetry.sdk.trace import Span

# Packages whose exceptions quote the data they were given.
QUOTING = frozenset(
    {"sqlalchemy", "psycopg", "psycopg_pool", "asyncpg", "sqlite3", "pymysql", "pydantic", "pydantic_core", "fastapi"}
)
IDENTIFIER = re.compile(r"\d+|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def safe_path(path: str, route: str | None) -> str:
    """Return `path` without what a caller may have hidden in it.

    Segments of the matched `route` template, numbers and UUIDs stay; any other is REDACTED.
    """
    if path == route:
        return path
    literal = set(route.split("/")) if route else {""}
    return "/".join(part if part in literal or IDENTIFIER.fullmatch(part) else "REDACTED" for part in path.split("/"))


def without_query(url: str) -> str:
    """Return `url` without its query, fragment, user name and password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "REDACTED"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


# What becomes of attributes that may hold a query string, whoever sets them.
SCRUBBED: Mapping[str, Callable[[str], str]] = {
    "url.query": lambda _: "REDACTED",
    "url.full": without_query,
    "http.url": without_query,
    "http.target": without_query,
}


def scrubbed(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a span's attributes without query strings; the very same when there is nothing to take out."""
    if SCRUBBED.keys().isdisjoint(attributes):
        return attributes
    return {key: SCRUBBED[key](str(value)) if key in SCRUBBED else value for key, value in attributes.items()}


def disclosable(error: BaseException) -> BaseException:
    """Return `error`, or a stand-in of the same name, stack and causes that quotes no data."""
    texts = sorted({text for link in _chain(error) for text in _quoted(link)}, key=len, reverse=True)
    return _stand_in(error, texts) if texts else error


def is_quoting(error: BaseException) -> bool:
    """Tell whether the text of `error` may repeat the data it was given."""
    return any(base.__module__.partition(".")[0] in QUOTING for base in type(error).__mro__)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for member in error.exceptions:
                yield from _chain(member)
        error = error.__cause__ or error.__context__


def _quoted(error: BaseException) -> Iterator[str]:
    if is_quoting(error):
        yield str(error) or type(error).__name__
        if original := getattr(error, "orig", None):
            yield str(original)


def _stand_in(error: BaseException, texts: list[str]) -> BaseException:
    copy: BaseException
    if isinstance(error, BaseExceptionGroup):
        copy = BaseExceptionGroup(error.message, [_stand_in(member, texts) for member in error.exceptions])
    else:
        copy = _named_like(type(error).__module__, type(error).__qualname__)(_message(error, texts))
    copy.__traceback__ = error.__traceback__
    copy.__cause__ = _stand_in(error.__cause__, texts) if error.__cause__ else None
    copy.__context__ = _stand_in(error.__context__, texts) if error.__context__ else None
    copy.__suppress_context__ = error.__suppress_context__
    return copy


def _message(error: BaseException, texts: list[str]) -> str:
    if is_quoting(error):
        state = sqlstate(error)
        return f"text withheld, SQLSTATE {state}" if state else "text withheld"
    message = str(error)
    for text in texts:
        message = message.replace(text, "text withheld")
    return message


def sqlstate(error: BaseException) -> str | None:
    """Return the five characters PostgreSQL names an error by, also through SQLAlchemy's wrapping."""
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    return state if isinstance(state, str) else None


@cache
def _named_like(module: str, qualname: str) -> type[Exception]:
    return type(qualname.rpartition(".")[2], (Exception,), {"__module__": module, "__qualname__": qualname})


class Scrubber(SpanProcessor):
    """Takes query strings out of every span, also of those that other instrumentations make."""

    def _on_ending(self, span: Span) -> None:
        # The SDK has frozen the attributes by now; what they hold is still its dictionary.
        attributes = cast("Any", span)._attributes
        attributes._dict = dict(scrubbed(attributes._dict))


def guard_spans() -> None:
    """Let the SDK's spans record stand-ins for errors that quote data, whoever records them."""
    wrap_function_wrapper("opentelemetry.sdk.trace", "Span.record_exception", _record_exception)
    wrap_function_wrapper("opentelemetry.sdk.trace", "Span.set_status", _set_status)


def _record_exception(wrapped: Callable[..., None], span: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    error = args[0] if args else kwargs.pop("exception")
    shown = disclosable(error)
    span.withheld = shown is not error
    wrapped(shown, *args[1:], **kwargs)


def _set_status(wrapped: Callable[..., None], span: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    # The API's use_span records the exception first and then writes its text into the status.
    if getattr(span, "withheld", False) and args and isinstance(args[0], Status):
        args = (Status(args[0].status_code), *args[1:])
    wrapped(*args, **kwargs)
