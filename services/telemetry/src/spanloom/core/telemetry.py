"""Everything of one process put together: tracers, instruments, log records, and what sends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from spanloom.core.export.exporter import Exporter
from spanloom.core.export.outbox import Outbox
from spanloom.core.export.queue import Queue
from spanloom.core.export.resource import encode_resource
from spanloom.core.export.sender import Destination, Sender
from spanloom.core.export.sources import BatchSource, MetricSource
from spanloom.core.forks import after_fork, notice_fork
from spanloom.core.logs import records as logs
from spanloom.core.metrics import encode as encode_metrics
from spanloom.core.metrics.histogram import Histogram
from spanloom.core.metrics.sums import Counter, ObservedSum
from spanloom.core.spans import encode as encode_spans
from spanloom.core.spans.attributes import Limits
from spanloom.core.spans.remote_sampling import RemoteSampler, StrategyPoller
from spanloom.core.spans.sampling import Sampler
from spanloom.core.spans.tracer import Tracer

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping, Sequence

    from spanloom.core.export.outbox import Source
    from spanloom.core.metrics.encode import Instrument
    from spanloom.core.metrics.instruments import Definition, Observe
    from spanloom.core.spans.tracer import Scope


class Batches(NamedTuple):
    """Numbers of a queue: items that wait, items of one request, and seconds between two requests."""

    queue: int
    size: int
    delay: float


class Options(NamedTuple):
    """What the settings ask for. A destination of None: this signal is not exported here. Times are in seconds."""

    resource: Callable[[], Mapping[str, Any]]
    user_agent: str
    sampler: Sampler | RemoteSampler = Sampler(1 << 64, follows_parent=True)
    limits: Limits = Limits()
    spans: Batches = Batches(8192, 512, 5.0)
    logs: Batches = Batches(2048, 512, 1.0)
    metric_interval: float = 60.0
    is_delta: bool = False
    has_exemplars: bool = True
    has_code_attributes: bool = False
    traces_to: Destination | None = None
    metrics_to: Destination | None = None
    logs_to: Destination | None = None
    timeout: Mapping[str, float] = {}


class Telemetry:
    """Makes tracers and instruments, takes log records, and exports all of it.

    The export begins with the first span, log record, or measurement within a trace: a process that only measures,
    such as a script without requests, sends nothing and waits for nothing at its end.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self.exporter = Exporter()
        wake = self._begin, self.exporter.wake
        self._spans = Queue(options.spans.queue, options.spans.size, *wake)
        self._logs = Queue(options.logs.queue, options.logs.size, *wake)
        self._instruments: list[Instrument] = []
        self._renew()
        self.exporter.add(self._outboxes())
        if isinstance(options.sampler, RemoteSampler):
            options.sampler.on_use = self._begin
            self.exporter.add([StrategyPoller(options.sampler, str(options.resource()["service.name"]))])
        after_fork(self._renew)

    @property
    def sampler(self) -> Sampler | RemoteSampler:
        """The sampler of traces."""
        return self._options.sampler

    def _renew(self) -> None:
        """Describe this process, which has an instance id of its own."""
        self._resource = encode_resource(self._options.resource())
        self._has_begun = False
        for instrument in self._instruments:
            instrument.clear()

    def _begin(self) -> None:
        self._has_begun = True
        self.exporter.start()

    def _outboxes(self) -> list[Outbox]:
        options = self._options
        spans = BatchSource(self._spans, options.spans.delay, self._encode_spans, "spans")
        records = BatchSource(self._logs, options.logs.delay, self._encode_logs, "log records")
        metrics = MetricSource(options.metric_interval, self._encode_metrics, self._version)
        signals: list[tuple[str, Destination | None, Source]] = [
            ("traces", options.traces_to, spans),
            ("logs", options.logs_to, records),
            ("metrics", options.metrics_to, metrics),
        ]
        return [
            Outbox(source, Sender(to, options.user_agent), to.url, options.timeout.get(signal, 10.0))
            for signal, to, source in signals
            if to is not None
        ]

    def _encode_spans(self, spans: Sequence[Any]) -> bytes:
        return encode_spans.encode_request(self._resource, spans)

    def _encode_logs(self, records: Sequence[Any]) -> bytes:
        return logs.encode_request(self._resource, records)

    def _encode_metrics(self) -> bytes:
        return encode_metrics.encode_request(self._resource, self._instruments)

    def _version(self) -> int:
        for instrument in self._instruments:
            instrument.aggregate()
        active = (found for found in self._instruments if not found.definition.is_passive)
        return sum(instrument.version for instrument in active) if self._has_begun else 0

    def tracer(self, scope: Scope) -> Tracer:
        """Return a tracer of a scope."""
        return Tracer(scope, self._options.sampler, self._options.limits, self._spans.put)

    def instrument(self, definition: Definition, observe: Observe | None = None) -> Instrument:
        """Return a new instrument, which is exported from now on."""
        made = self._new_instrument(definition, observe)
        self._instruments.append(made)
        return made

    def _new_instrument(self, definition: Definition, observe: Observe | None) -> Instrument:
        is_delta, has_exemplars = self._options.is_delta, self._options.has_exemplars
        if observe is not None:
            return ObservedSum(definition, observe)
        if not definition.bounds:
            return Counter(definition, is_delta=is_delta)
        return Histogram(definition, is_delta=is_delta, has_exemplars=has_exemplars, on_first=self._begin)

    def discard_metrics(self) -> None:
        """Export no metric from now on, and nothing that has been measured."""
        self._instruments.clear()

    def emit_log(self, record: logging.LogRecord) -> None:
        """Export a log record."""
        notice_fork()
        options = self._options
        self._logs.put(
            logs.to_log_record(record, has_code_attributes=options.has_code_attributes, length=options.limits.length)
        )

    def flush(self, seconds: float) -> bool:
        """Send everything that waits; False when that was not possible in time."""
        return self.exporter.flush(seconds)

    def stop(self) -> None:
        """End the thread of the export."""
        self.exporter.stop()
