"""W3C Trace Context and W3C Baggage in headers.

https://www.w3.org/TR/trace-context/ and https://www.w3.org/TR/baggage/, with the decisions of OpenTelemetry's
propagators where the recommendations leave a choice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_plus

from spanloom.core.context import baggage_of, with_baggage, with_span
from spanloom.core.spans.span_context import PropagatedSpan, identity_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, MutableMapping

    from spanloom.core.context import Context

TRACEPARENT = re.compile(r"[ \t]*([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:(-.*)|[ \t]*)")
STATE_KEY = r"[a-z][_0-9a-z\-*/]{0,255}|[a-z0-9][_0-9a-z\-*/]{0,240}@[a-z][_0-9a-z\-*/]{0,13}"
STATE_MEMBER = re.compile(rf"({STATE_KEY})=([\x20-\x2b\x2d-\x3c\x3e-\x7e]{{0,255}}[\x21-\x2b\x2d-\x3c\x3e-\x7e])")
NAME = r"[\x21\x23-\x27\x2a\x2b\x2d\x2e\x30-\x39\x41-\x5a\x5e-\x7a\x7c\x7e]+"
VALUE = r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*"
BAGGAGE_NAME = re.compile(NAME)
BAGGAGE_VALUE = re.compile(rf"{VALUE}[ \t]*(?:;[ \t]*{NAME}[ \t]*(?:=[ \t]*{VALUE}[ \t]*)?)*")  # with properties
ALL = frozenset({"traceparent", "tracestate", "baggage"})
MAX_TRACEPARENT, MAX_STATE, MAX_STATE_MEMBERS = 512, 8192, 32
MAX_BAGGAGE, MAX_PAIR, MAX_PAIRS = 8192, 4096, 180


def extract(traceparent: str | None, tracestate: str | None, baggage: str | None) -> Context:
    """Return the context that headers carry; what is malformed or too long is left out."""
    context: Context = {}
    if baggage and (found := parse_baggage(baggage)):
        context = with_baggage(found, context)
    parent = parse_traceparent(traceparent, tracestate) if traceparent else None
    return context if parent is None else with_span(parent, context)


def parse_traceparent(traceparent: str, tracestate: str | None) -> PropagatedSpan | None:
    """Return the remote parent that the headers name (W3C Trace Context, section 3.2); None for none."""
    found = TRACEPARENT.fullmatch(traceparent) if len(traceparent) <= MAX_TRACEPARENT else None
    if found is None or found[1] == "ff" or (found[1] == "00" and found[5]):
        return None
    trace_id, span_id = int(found[2], 16), int(found[3], 16)
    if not trace_id or not span_id:
        return None
    return PropagatedSpan(trace_id, span_id, int(found[4], 16), parse_tracestate(tracestate or ""), is_remote=True)


def parse_tracestate(text: str) -> str:
    """Return a valid `tracestate` in its shortest form; empty when any member is malformed (section 3.3)."""
    if not text or len(text) > MAX_STATE:
        return ""
    members = [member.strip(" \t") for member in text.split(",")]
    found = [STATE_MEMBER.fullmatch(member) for member in members if member]
    names = {match[1] for match in found if match}
    if len(names) != len(found) or len(found) > MAX_STATE_MEMBERS:
        return ""
    return ",".join(match[0] for match in found if match)


def parse_baggage(text: str) -> dict[str, str]:
    """Return the baggage of a header, within W3C's limits."""
    if len(text.encode()) > MAX_BAGGAGE:
        return {}
    entries = (entry.strip(" \t") for entry in text.split(","))
    pairs = (entry.partition("=") for entry in _within_limits(entries))
    return {
        unquote_plus(name).strip(): unquote_plus(value).strip()
        for name, value in ((name.strip(" \t"), value.strip(" \t")) for name, equals, value in pairs if equals)
        if BAGGAGE_NAME.fullmatch(name) and BAGGAGE_VALUE.fullmatch(value)
    }


def _within_limits(entries: Iterator[str]) -> Iterator[str]:
    """Yield the entries that fit into one header."""
    length = count = 0
    for entry in entries:
        if not entry or not entry.isascii() or len(entry) > MAX_PAIR:
            continue
        length += len(entry) + (1 if count else 0)
        count += 1
        if count > MAX_PAIRS or length > MAX_BAGGAGE:
            return
        yield entry


def inject(headers: MutableMapping[str, str], context: Context, span: object, names: Container[str] = ALL) -> None:
    """Write the identity of a span and the baggage of a context into headers, as far as they are in `names`."""
    found = identity_of(span)
    if found is not None and "traceparent" in names:
        headers["traceparent"] = f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.flags:02x}"
        if found.state:
            headers["tracestate"] = found.state
    if (baggage := baggage_of(context)) and "baggage" in names:
        pairs = (f"{quote(str(name))}={quote(str(value))}" for name, value in baggage.items())
        headers["baggage"] = ",".join(_within_limits(pairs))
