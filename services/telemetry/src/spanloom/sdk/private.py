"""Private names of OpenTelemetry that the fast path uses, each with its reason; all of them in one place.

CHECKED are the versions of the SDK that the tests run against. Whatever is missing or other than expected in another
version leads to the SDK's public path (see self_check): spans are the SDK's own then, and cost more.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

CHECKED = ("1.45.0", "1.45.1", "1.45.2")
SDK = "opentelemetry.sdk"
OTLP = "opentelemetry.exporter.otlp"


@dataclass(frozen=True)
class PrivateName:
    """A private name: `path` below `module`, and why there is no public one."""

    module: str
    path: str
    reason: str

    def load(self) -> Any:
        """Return what the name stands for; None when it is missing."""
        try:
            found: Any = import_module(self.module)
            for part in self.path.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError):
            return None
        return found


_COMMON = f"{OTLP}.proto.common._internal"
_HTTP = f"{OTLP}.common.http"
ENCODE_RESOURCE = PrivateName(_COMMON, "_encode_resource", "the resource as protobuf, once for all batches")
ENCODE_SCOPE = PrivateName(_COMMON, "_encode_instrumentation_scope", "a scope as protobuf, once for all batches")
ENCODE_VALUE = PrivateName(_COMMON, "_encode_value", "attribute values that are not plain")
ON_ENDING = PrivateName(f"{SDK}.trace", "SpanProcessor._on_ending", "redaction before any processor reads a span")
HASH_ATTRIBUTES = PrivateName(
    f"{SDK}.metrics._internal._view_instrument_match", "_hash_attributes", "the key of a cached aggregation"
)
RETRY_NAMES = (
    PrivateName(_HTTP, "_OTLPHTTPClient._submit", "the time of one attempt"),
    PrivateName(_HTTP, "_OTLPHTTPClient._compute_backoff", "the pause before a retry"),
    PrivateName(_HTTP, "_MAX_RETRIES", "the number of attempts"),
)
METRIC_NAMES = (HASH_ATTRIBUTES,)
SPAN_NAMES = (
    ENCODE_RESOURCE,
    ENCODE_SCOPE,
    ENCODE_VALUE,
    ON_ENDING,
    PrivateName(_HTTP, "_OTLPHTTPClient.export", "retries without a second encoding"),
    PrivateName(f"{SDK}.trace", "Span._add_event", "events of a lean span"),
    PrivateName(f"{SDK}.trace", "Span._add_link", "links of a lean span"),
    PrivateName(f"{SDK}.trace", "Span._new_events", "bounded events of a lean span"),
    PrivateName(f"{SDK}.trace", "Span._new_links", "bounded links of a lean span"),
)
"""Names that can be looked up, by what they are for; fields of the SDK's objects are tried by self_check."""

encode_resource = ENCODE_RESOURCE.load()
encode_scope = ENCODE_SCOPE.load()
encode_value = ENCODE_VALUE.load()
hash_attributes = HASH_ATTRIBUTES.load()
