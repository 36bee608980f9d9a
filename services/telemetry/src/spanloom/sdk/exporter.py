"""Exporter of spans as OTLP requests: encoded without protobuf messages, sent by the SDK's own exporter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from spanloom.sdk.encode import encode_span, field
from spanloom.sdk.private import encode_resource, encode_scope
from spanloom.sdk.span import LeanSpan
from spanloom.tracing.guard import report_dropped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope


class LeanProcessor(BatchSpanProcessor):
    """The SDK's batch processor with LeanExporter as its exporter."""

    def __init__(self, exporter: OTLPSpanExporter) -> None:
        super().__init__(LeanExporter(exporter))


class LeanExporter(SpanExporter):
    """Encodes spans to OTLP requests and sends them with the client and retries of the SDK's exporter."""

    def __init__(self, exporter: OTLPSpanExporter) -> None:
        self._exporter = exporter
        self._encoded_owners: dict[int, tuple[object, bytes]] = {}

    def export(self, batch: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export one batch."""
        try:
            is_sent = self._exporter._client.export(self.request(batch)).success
        except Exception as error:
            report_dropped(f"a batch of {len(batch)} spans", error)
            is_sent = False
        return SpanExportResult.SUCCESS if is_sent else SpanExportResult.FAILURE

    def request(self, batch: Sequence[ReadableSpan]) -> bytes:
        """Return the ExportTraceServiceRequest of a batch, spans grouped by resource and scope."""
        groups: dict[int, dict[int, list[ReadableSpan]]] = {}
        for span in batch:
            groups.setdefault(id(span._resource), {}).setdefault(id(span._instrumentation_scope), []).append(span)
        return b"".join(field(b"\x0a", self._resource_spans(scopes)) for scopes in groups.values())

    def _resource_spans(self, scopes: Mapping[int, list[ReadableSpan]]) -> bytes:
        parts = [field(b"\x12", self._scope_spans(spans)) for spans in scopes.values()]
        resource = next(iter(scopes.values()))[0]._resource
        schema = field(b"\x1a", resource.schema_url.encode()) if resource.schema_url else b""
        return self._encode_once(resource, encode_resource) + b"".join(parts) + schema

    def _scope_spans(self, spans: list[ReadableSpan]) -> bytes:
        scope = cast("InstrumentationScope", spans[0]._instrumentation_scope)
        schema = field(b"\x1a", scope.schema_url.encode()) if scope.schema_url else b""
        return self._encode_once(scope, encode_scope) + b"".join(map(_encode, spans)) + schema

    def _encode_once(self, owner: Any, encode: Any) -> bytes:
        """Return the bytes of a resource or scope; each is encoded once, as there are few."""
        if id(owner) not in self._encoded_owners:
            self._encoded_owners[id(owner)] = (owner, field(b"\x0a", encode(owner).SerializeToString()))
        return self._encoded_owners[id(owner)][1]

    def shutdown(self) -> None:
        """Stop exporting."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Do nothing: the exporter has no queue."""
        return True


def _encode(span: ReadableSpan) -> bytes:
    """Return one span of a ScopeSpans message; a span that cannot be encoded is dropped."""
    try:
        if type(span) is LeanSpan:
            return field(b"\x12", encode_span(span, *span.resolve_attributes()))
        # None if all attributes were dropped by a limit.
        return field(b"\x12", encode_span(span, {} if span._attributes is None else span._attributes))
    except Exception as error:
        report_dropped(f"the span {span.name!r}", error)
        return b""
