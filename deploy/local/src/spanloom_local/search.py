"""Search of traces: conditions from a query string, and the traces that satisfy them."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spanloom.traces.model import Span, Trace

PARAMETERS = ("service", "route", "status", "min_duration", "attribute")
REPEATABLE = "attribute"
NANOSECONDS = {"us": 1e3, "ms": 1e6, "s": 1e9}
DURATION = re.compile(r"(\d+(?:\.\d+)?) ?(us|ms|s)")
STATUS = re.compile("ok|error|[1-5][0-9]{2}")


class SearchError(ValueError):
    """A search that is not understood: parameter, value and what was expected, in one line."""


@dataclass(frozen=True, slots=True)
class Search:
    """Conditions on a trace; an empty one is satisfied by every trace.

    One span satisfies all of them: `service`; `route`, with or without its method; `status` (`error`, or a status
    code); the shortest duration; the attributes of the span or its resource. `ok` is satisfied by traces without error.
    """

    service: str = ""
    route: str = ""
    status: str = ""
    min_duration_ns: float = 0
    attributes: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_query(cls, pairs: Sequence[tuple[str, str]]) -> Self:
        """Return the search of a query string; SearchError if it is not understood. Empty values are ignored."""
        given = [(key, value.strip()) for key, value in pairs if value.strip()]
        _check_parameters([key for key, _ in pairs])
        _check_repetitions([key for key, _ in given])
        single = dict(given)
        return cls(
            single.get("service", ""),
            single.get("route", ""),
            _status(single.get("status", "")),
            _nanoseconds(single.get("min_duration", "")),
            tuple(_attribute(value) for key, value in given if key == REPEATABLE),
        )

    def is_satisfied_by(self, trace: Trace) -> bool:
        """Return whether the trace satisfies every condition."""
        if self.status == "ok" and any(span.status == "ERROR" for span in trace.spans):
            return False
        return any(self._is_satisfied_by_span(span) for span in trace.spans)

    def _is_satisfied_by_span(self, span: Span) -> bool:
        return (
            self.service in {"", span.service}
            and self.route in {"", *routes_of(span)}
            and self.status in {"", "ok", *_statuses(span)}
            and span.end_ns - span.start_ns >= self.min_duration_ns
            and all(_has_attribute(span, key, value) for key, value in self.attributes)
        )


def _check_parameters(names: Iterable[str]) -> None:
    for name in names:
        if name not in PARAMETERS:
            expected = ", ".join(PARAMETERS)
            raise SearchError(f"the search parameter {name!r} is unknown; expected one of {expected}")


def _check_repetitions(names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1 and name != REPEATABLE:
            raise SearchError(f"{name} is given {count} times; expected one")


def _status(text: str) -> str:
    if text and not STATUS.fullmatch(text.lower()):
        raise SearchError(f"status={text!r} is not understood; expected ok, error or a status code such as 404")
    return text.lower()


def _nanoseconds(text: str) -> float:
    found = DURATION.fullmatch(text.lower())
    if text and not found:
        raise SearchError(f"min_duration={text!r} is not understood; expected a number and us, ms or s, such as 50ms")
    return float(found[1]) * NANOSECONDS[found[2]] if found else 0


def _attribute(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not (key.strip() and sign):
        raise SearchError(f"attribute={text!r} is not understood; expected key=value")
    return key.strip(), value.strip()


def routes_of(span: Span) -> tuple[str, ...]:
    """Return the route of a span without and with its method; none if it has none."""
    route, method = span.attributes.get("http.route"), span.attributes.get("http.request.method")
    return (str(route), f"{method} {route}") if route else ()


def _statuses(span: Span) -> set[str]:
    code = span.attributes.get("http.response.status_code")
    return {str(code), *(["error"] if span.status == "ERROR" else [])}


def _has_attribute(span: Span, key: str, value: str) -> bool:
    return any(
        key in attributes and as_text(attributes[key]) == value for attributes in (span.attributes, span.resource)
    )


def as_text(value: Any) -> str:
    """Return an attribute's value as the page shows it: text unchanged, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, default=bytes.hex, ensure_ascii=False)


def choices(traces: Iterable[Trace]) -> dict[str, list[str]]:
    """Return the services and routes (with their methods) that a search of `traces` can find."""
    spans = [span for trace in traces for span in trace.spans]
    return {
        "services": sorted({span.service for span in spans}),
        "routes": sorted({route for span in spans for route in routes_of(span)[1:]}),
    }
