"""The most recent traces, metrics and log records in memory, each with a limit."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from threading import Lock
from typing import TYPE_CHECKING
from uuid import uuid4

from spanloom.traces.model import Span, Trace
from spanloom_local.log_lines import LogLine, LogLines
from spanloom_local.route_metrics import RouteMetrics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs
    from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

KEPT_TRACES = 1_000
KEPT_SPANS_PER_TRACE = 2_000
KEPT_BATCHES = 500


class Store:
    """Traces by id, newest last, log lines and the metrics of routes; written by one thread, read by any.

    `metrics` and `logs` are the newest batches as they were received.
    """

    def __init__(self, kept_traces: int = KEPT_TRACES, kept_spans: int = KEPT_SPANS_PER_TRACE) -> None:
        self.metrics: deque[ResourceMetrics] = deque(maxlen=KEPT_BATCHES)
        self.logs: deque[ResourceLogs] = deque(maxlen=KEPT_BATCHES)
        self.lines, self.routes = LogLines(), RouteMetrics()
        self._instance, self._version = uuid4().hex, 0
        self._kept_traces, self._kept_spans = kept_traces, kept_spans
        self._spans: OrderedDict[str, dict[str, Span]] = OrderedDict()
        self._arrived: dict[str, float] = {}
        self._lock = Lock()

    def add(self, spans: Iterable[Span]) -> None:
        """Store `spans`, each id once; drop the oldest traces and further spans of a trace above the limits."""
        with self._lock:
            for span in spans:
                self._store(span)
            while len(self._spans) > self._kept_traces:
                self._arrived.pop(self._spans.popitem(last=False)[0])
            self._version += 1

    def add_lines(self, lines: Iterable[LogLine]) -> None:
        """Store log records; the oldest ones are dropped above the limit."""
        self.lines.add(lines)
        with self._lock:
            self._version += 1

    def _store(self, span: Span) -> None:
        stored = self._spans.setdefault(span.trace_id, {})
        if span.span_id in stored or len(stored) < self._kept_spans:
            stored[span.span_id] = span
        self._arrived[span.trace_id] = time.monotonic()

    @property
    def version(self) -> str:
        """A text that changes with every arrival and is unique to this store."""
        return f"{self._instance}-{self._version}"

    def traces(self) -> dict[str, Trace]:
        """Return every stored trace by its id, in order of arrival."""
        with self._lock:
            return {trace_id: Trace.from_spans(spans.values()) for trace_id, spans in self._spans.items()}

    def trace(self, trace_id: str) -> Trace | None:
        """Return the trace of that id (32 lower-case hexadecimal digits), or None."""
        with self._lock:
            spans = self._spans.get(trace_id)
            return Trace.from_spans(spans.values()) if spans else None

    def has(self, trace_id: str) -> bool:
        """Return whether a span of the trace is stored."""
        return trace_id in self._spans

    def idle(self, seconds: float) -> list[str]:
        """Return the ids of the traces without a new span for `seconds`."""
        before = time.monotonic() - seconds
        with self._lock:
            return [trace_id for trace_id, arrived in self._arrived.items() if arrived <= before]
