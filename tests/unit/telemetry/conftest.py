"""A real SDK whose finished spans can be read."""

from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from support.polling import poll_until

from spanloom.sdk.span_redaction import RedactingProcessor, patch_span_errors
from spanloom.sdk.tree_exporter import from_sdk
from spanloom.settings.levels import LevelFilter, set_active_filter
from spanloom.traces.model import Span


class Finished:
    """The spans that have ended since the test began."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def all(self) -> list[Span]:
        return [from_sdk(span) for span in self._exporter.get_finished_spans()]

    def one(self) -> Span:
        """Return the only span; it may end after the answer has arrived, so it is waited for."""
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


@pytest.fixture(scope="session")
def exporter() -> InMemorySpanExporter:
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "test"}))
    provider.add_span_processor(RedactingProcessor())
    provider.add_span_processor(SimpleSpanProcessor(memory))
    trace.set_tracer_provider(provider)
    patch_span_errors()
    return memory


@pytest.fixture
def finished(exporter: InMemorySpanExporter) -> Iterator[Finished]:
    exporter.clear()
    set_active_filter(LevelFilter())
    yield Finished(exporter)
    set_active_filter(LevelFilter())
