"""The core, whose finished spans can be read as a receiver decodes them."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from support.metrics import counts_by, metric_points
from support.polling import poll_until
from support.span_programs import Recorded, recorded

from spanloom.api.provider import Resource
from spanloom.core.metrics import instruments
from spanloom.core.spans import tracers
from spanloom.core.spans.tracer import Scope
from spanloom.sdk.switching_provider import SwitchingTracerProvider
from spanloom.settings.levels import LevelFilter, set_active_filter
from spanloom.testing import from_otlp
from spanloom.traces.model import Span


class Finished:
    """The spans that have ended since the test began."""

    def __init__(self, core: Recorded) -> None:
        self._core = core

    def all(self) -> list[Span]:
        return from_otlp(self._core.body()) if self._core.spans else []

    def one(self) -> Span:
        """Return the only span; it may end after the response has arrived, so the fixture waits for it."""
        [span] = poll_until(self.all, "a span has ended")
        return span

    def named(self, name: str) -> Span:
        [span] = poll_until(lambda: [span for span in self.all() if span.name == name], f"{name} has ended")
        return span

    def servers(self, count: int = 1) -> list[Span]:
        return poll_until(lambda: _at_least(count, [s for s in self.all() if s.kind == "SERVER"]), "requests ended")

    def parents(self) -> dict[str, str | None]:
        """Span name → its parent's name."""
        names = {span.span_id: span.name for span in self.all()}
        return {span.name: names.get(span.parent_id or "") for span in self.all()}


def _at_least(count: int, spans: list[Span]) -> list[Span]:
    return spans if len(spans) >= count else []


class Measured:
    """The measurements since the test began, as a receiver decodes them."""

    def __init__(self, core: Recorded) -> None:
        self._core = core

    def all(self, *names: str) -> dict[str, list[Any]]:
        """Return the points of metrics; exemplars are exported once."""
        request = ExportMetricsServiceRequest.FromString(self._core.telemetry._encode_metrics())
        return {name: metric_points(request, name) for name in names}

    def points(self, name: str) -> list[Any]:
        """Return the points of a metric."""
        return self.all(name)[name]

    def counts(self, name: str, *keys: str) -> Counter[tuple[Any, ...]]:
        """Return the numbers of measurements of a histogram, or the sums, by the values of some attributes."""
        return counts_by(self.points(name), *keys)


@pytest.fixture(scope="session")
def core() -> Recorded:
    """Make the core the telemetry of the process; its spans stay where they are."""
    found = recorded()
    provider = SwitchingTracerProvider(found.telemetry, Resource({}), TracerProvider)
    trace.set_tracer_provider(provider)
    tracers.serve(lambda name: found.telemetry.tracer(Scope(name)).start)
    instruments.serve(found.telemetry.instrument)
    return found


@pytest.fixture
def finished(core: Recorded) -> Iterator[Finished]:
    core.spans.clear()
    set_active_filter(LevelFilter())
    yield Finished(core)
    set_active_filter(LevelFilter())


@pytest.fixture
def measured(core: Recorded) -> Measured:
    for instrument in core.telemetry._instruments:
        instrument.clear()
    return Measured(core)
