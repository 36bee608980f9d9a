"""The JSON of the page: traces, log lines and routes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from spanloom_local.route_metrics import SLOT_SECONDS, quantile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from spanloom.traces.model import Span, Trace
    from spanloom_local.duration_points import Exemplar
    from spanloom_local.log_lines import LogLine
    from spanloom_local.route_metrics import Red, Slot

EXACT_IN_JAVASCRIPT = 2**53
NANOSECONDS_PER_MICROSECOND = 1_000
NANOSECONDS_PER_MILLISECOND = 1_000_000
MICROSECONDS = 1_000_000
MEDIAN, SLOW = 0.5, 0.95
SHOWN_EXEMPLARS = 6


def summary(trace: Trace, log_lines: int = 0) -> dict[str, Any]:
    """Return a row of the list. `start_ms` since the epoch; `duration_us` from the first start to the last end."""
    top = trace.tops[0] if trace.tops else trace.spans[0]
    return {
        "trace_id": trace.trace_id,
        "name": top.name,
        "service": top.service,
        "status_code": top.attributes.get("http.response.status_code"),
        "services": sorted({span.service for span in trace.spans}),
        "spans": len(trace.spans),
        "errors": sum(span.status == "ERROR" for span in trace.spans),
        "log_lines": log_lines,
        "start_ms": _start_ns(trace) / NANOSECONDS_PER_MILLISECOND,
        "duration_us": _microseconds(max(span.end_ns for span in trace.spans) - _start_ns(trace)),
    }


def detail(trace: Trace, lines: Sequence[LogLine] = ()) -> dict[str, Any]:
    """Return a trace: spans by start, and log lines, with times in microseconds from the trace's start."""
    start = _start_ns(trace)
    return {
        **summary(trace, len(lines)),
        "members": [_member(span, start) for span in trace.spans],
        "lines": [{**log_line(line), "offset_us": _microseconds(line.time_ns - start)} for line in lines],
    }


def _member(span: Span, start_ns: int) -> dict[str, Any]:
    return {
        "span_id": span.span_id,
        "parent_id": span.parent_id,
        "name": span.name,
        "kind": span.kind,
        "service": span.service,
        "offset_us": _microseconds(span.start_ns - start_ns),
        "duration_us": _microseconds(span.end_ns - span.start_ns),
        "status": span.status,
        "message": span.message,
        "scope": span.scope,
        "attributes": json_safe(span.attributes),
        "resource": json_safe(span.resource),
        "events": json_safe(span.events),
        "links": list(span.links),
    }


def log_line(line: LogLine) -> dict[str, Any]:
    """Return a log record; `time_ms` since the epoch."""
    return {
        "time_ms": line.time_ns / NANOSECONDS_PER_MILLISECOND,
        "severity": line.severity,
        "service": line.service,
        "logger": line.logger,
        "text": line.text,
        "trace_id": line.trace_id,
        "span_id": line.span_id,
        "attributes": json_safe(line.attributes),
    }


def red(found: Red, is_stored: Callable[[str], bool]) -> dict[str, Any]:
    """Return a route: what its requests were, in total and for each slot, and the exemplars whose trace is stored.

    `rate` is in requests per second, `error_share` from 0 to 1; the last two are None in a slot without requests.
    """
    route = found.route
    return {
        "service": route.service,
        "method": route.method,
        "route": route.template,
        "total": {"requests": found.total.requests, "errors": found.total.errors, **_durations(found.total)},
        "slots": [_slot(slot) for slot in found.slots],
        "exemplars": [_exemplar(each) for each in shown_exemplars(found.exemplars, is_stored)],
    }


def shown_exemplars(exemplars: Iterable[Exemplar], is_stored: Callable[[str], bool]) -> list[Exemplar]:
    """Return the slowest exemplars whose trace is stored, at most SHOWN_EXEMPLARS, by time."""
    linked = sorted((each for each in exemplars if is_stored(each.trace_id)), reverse=True)[:SHOWN_EXEMPLARS]
    return sorted(linked, key=lambda exemplar: exemplar.time_ns)


def _slot(slot: Slot) -> dict[str, Any]:
    share = slot.errors / slot.requests if slot.requests else None
    return {"rate": slot.requests / SLOT_SECONDS, "error_share": share, **_durations(slot)}


def _durations(slot: Slot) -> dict[str, float | None]:
    return {name: _quantile_us(slot, share) for name, share in (("p50_us", MEDIAN), ("p95_us", SLOW))}


def _quantile_us(slot: Slot, share: float) -> float | None:
    seconds = quantile(slot.buckets, share)
    return None if seconds is None else seconds * MICROSECONDS


def _exemplar(exemplar: Exemplar) -> dict[str, Any]:
    return {
        "duration_us": exemplar.seconds * MICROSECONDS,
        "time_ms": exemplar.time_ns / NANOSECONDS_PER_MILLISECOND,
        "trace_id": exemplar.trace_id,
        "span_id": exemplar.span_id,
    }


def json_safe(value: Any) -> Any:
    """Return `value` as JSON without loss in JavaScript: text for numbers it cannot represent, bytes in hex."""
    if isinstance(value, dict):
        return {key: json_safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    lossy = (isinstance(value, float) and not math.isfinite(value)) or (
        isinstance(value, int) and abs(value) >= EXACT_IN_JAVASCRIPT
    )
    return str(value) if lossy else value


def _start_ns(trace: Trace) -> int:
    return min(span.start_ns for span in trace.spans)


def _microseconds(nanoseconds: int) -> float:
    return nanoseconds / NANOSECONDS_PER_MICROSECOND
