"""Whether the fast path works with the SDK that is installed: tried before the application starts."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, TraceFlags, set_span_in_context

from spanloom.sdk import private
from spanloom.tracing.guard import report
from spanloom.tracing.shared_attributes import AttributeSet, defer_attributes

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

ERROR = ValueError("self check")
# Name, kind, number of attributes, events and links, and status code, as OTLP numbers them.
EXPECTED = [("child", 1, 2, 2, 0, 2), ("renamed", 2, 2, 0, 1, 0)]


class SelfCheckError(Exception):
    """The fast path does not do what it should with this SDK."""


def lean_provider() -> type[TracerProvider] | None:
    """Return the provider of the fast path; None, with one line, when the SDK is not as expected."""
    try:
        return _checked()
    except Exception as error:
        what = str(error) if isinstance(error, SelfCheckError) else f"{type(error).__name__}: {error}"
        installed = version("opentelemetry-sdk")
        report(f"opentelemetry-sdk {installed} is not as expected ({what}); its own spans are used, which cost more")
        return None


def _checked() -> type[TracerProvider]:
    if names := private.missing():
        raise SelfCheckError(f"{names[0]} is missing")
    from spanloom.sdk.exporter import LeanProcessor  # noqa: PLC0415 may fail with another SDK
    from spanloom.sdk.tracer import LeanTracerProvider  # noqa: PLC0415

    kept = _KeptBatches()
    provider = LeanTracerProvider(resource=Resource({"service.name": "self check"}), shutdown_on_exit=False)
    processor = LeanProcessor(kept)  # type: ignore[arg-type] # only its _client is used
    try:
        provider.add_span_processor(processor)
        if provider.queue is None:
            raise SelfCheckError("the batch processor is not recognized")
        _run_program(provider)
        if not provider.force_flush(10_000) or not kept.batches:
            raise SelfCheckError("no batch was exported")
        _check_batch(kept.batches[0])
    finally:
        processor.shutdown()  # type: ignore[no-untyped-call]
    return LeanTracerProvider


class _KeptBatches:
    """Stands for the SDK's exporter and for its client."""

    def __init__(self) -> None:
        self.batches: list[bytes] = []
        self._client = self
        self.success = True

    def export(self, request: bytes) -> _KeptBatches:
        self.batches.append(request)
        return self

    def shutdown(self) -> None: ...


def _run_program(provider: TracerProvider) -> None:
    tracer = provider.get_tracer("self check", "1")
    link = Link(SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1)), {"link": True})
    root = tracer.start_span("root", kind=SpanKind.SERVER, attributes=AttributeSet({"a": "b"}), links=[link])
    child = tracer.start_span("child", set_span_in_context(root), attributes={"list": [1, 2], "number": 0.5})
    defer_attributes(root, lambda number: ({"deferred": number},), 1)
    child.add_event("event", {"c": "d"})
    child.record_exception(ERROR)
    child.set_status(StatusCode.ERROR, "description")
    child.end()
    root.update_name("renamed")
    root.end()


def _check_batch(request: bytes) -> None:
    """Raise unless a batch holds what the program recorded, read by OpenTelemetry's own protobuf classes."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415 only for the check
        ExportTraceServiceRequest,
    )

    decoded = ExportTraceServiceRequest.FromString(request)
    spans = {span.name: span for each in decoded.resource_spans for scope in each.scope_spans for span in scope.spans}
    found = [
        (name, span.kind, len(span.attributes), len(span.events), len(span.links), span.status.code)
        for name, span in sorted(spans.items())
    ]
    if found != EXPECTED or spans["child"].parent_span_id != spans["renamed"].span_id:
        raise SelfCheckError(f"spans are encoded as {found}")
