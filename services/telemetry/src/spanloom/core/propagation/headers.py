"""Trace context and baggage of requests, by the propagators of this process.

W3C's are the core's own; `serve` sets others (OTEL_PROPAGATORS), which get all headers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanloom.core.context import with_span
from spanloom.core.propagation import w3c as propagation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, MutableMapping

    from spanloom.core.context import Context

    Headers = Iterable[tuple[str, str]]

W3C = ("traceparent", "tracestate", "baggage")
_names = frozenset(W3C)
_others: tuple[Callable[[Headers], Context], Callable[[MutableMapping[str, str], Context], None]] | None = None


def serve(extract: Callable[[Headers], Context], inject: Callable[[MutableMapping[str, str], Context], None]) -> None:
    """Use other propagators than W3C's."""
    global _others  # noqa: PLW0603 one process has one set of propagators
    _others = extract, inject


def use_w3c(*, has_trace_context: bool, has_baggage: bool) -> None:
    """Use W3C's propagators, or one of them."""
    global _names, _others  # noqa: PLW0603 see serve
    _others = None
    _names = frozenset((*W3C[:2],) if has_trace_context else ()) | frozenset(W3C[2:] if has_baggage else ())


def extract_asgi(headers: list[tuple[bytes, bytes]]) -> Context:
    """Return the context in the headers of an ASGI scope, empty if there is none."""
    if _others is not None:
        return _others[0]((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
    found: dict[str, str] = {}
    for name, value in headers:
        if name in (b"traceparent", b"tracestate", b"baggage"):
            key, text = name.decode(), value.decode("latin-1")
            found[key] = f"{found[key]},{text}" if key in found else text  # RFC 9110, section 5.3
    return _extract(found)


def extract_wsgi(environ: Mapping[str, Any]) -> Context:
    """Return the context in a WSGI environment, empty if there is none."""
    if _others is not None:
        prefix = "HTTP_"
        names = (key for key in environ if key.startswith(prefix))
        return _others[0]((key[len(prefix) :].replace("_", "-").lower(), str(environ[key])) for key in names)
    return _extract({name: environ[key] for name in W3C if (key := f"HTTP_{name.upper()}") in environ})


def _extract(found: Mapping[str, str]) -> Context:
    if not found:
        return {}
    parent, state, baggage = [found.get(name) if name in _names else None for name in W3C]
    return propagation.extract(parent, state, baggage)


def inject(headers: MutableMapping[str, str], context: Context, span: Any) -> None:
    """Write the identity of a span, and the baggage of the context, into the headers of a request."""
    if _others is not None:
        _others[1](headers, with_span(span, context))
        return
    propagation.inject(headers, context, span, _names)
