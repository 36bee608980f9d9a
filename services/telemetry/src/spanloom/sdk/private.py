"""Private names of OpenTelemetry that the fast path uses, each with its reason.

CHECKED contains the versions of the SDK that the tests run with. A name that is missing or different in another version
disables the fast path (see self_check): spans are then created and exported by the SDK's public classes, at a higher
cost.
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
    """A private name: `path` in `module`, and the reason for its use."""

    module: str
    path: str
    reason: str

    def load(self) -> Any:
        """Return the object; None if the name is missing."""
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
ENCODE_VALUE = PrivateName(_COMMON, "_encode_value", "attribute values of compound types")
ON_ENDING = PrivateName(f"{SDK}.trace", "SpanProcessor._on_ending", "redaction before any processor reads a span")
HASH_ATTRIBUTES = PrivateName(
    f"{SDK}.metrics._internal._view_instrument_match", "_hash_attributes", "the key of a cached aggregation"
)
RETRY_NAMES = (
    PrivateName(_HTTP, "_OTLPHTTPClient._submit", "the timeout of one attempt"),
    PrivateName(_HTTP, "_OTLPHTTPClient._compute_backoff", "the back-off before a retry"),
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
"""Names by purpose; private fields of the SDK's objects are checked by self_check."""

encode_resource = ENCODE_RESOURCE.load()
encode_scope = ENCODE_SCOPE.load()
encode_value = ENCODE_VALUE.load()
hash_attributes = HASH_ATTRIBUTES.load()
