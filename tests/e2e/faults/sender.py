"""A sender of OTLP that records which spans the Collector has acknowledged."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from support.builders.otlp import proto_span, traces_body

SERVICE = "sender"
PADDING = {"padding": AnyValue(string_value="x" * 5000)}
FULL_AFTER_REQUESTS = 300  # of 100 kB each
TIMEOUT_SECONDS = 5.0  # longer than a Collector takes that accepts the spans
PROTOBUF = {"Content-Type": "application/x-protobuf"}


@dataclass
class Sender:
    """Sends `spans` per request; records responses by status or error, and the ids of acknowledged spans."""

    spans: int = 20
    responses: Counter[int | str] = field(default_factory=Counter)
    acknowledged: set[str] = field(default_factory=set)

    def send(self, collector: str) -> bool:
        """Send one request with new spans of one trace, and return whether it was acknowledged."""
        trace, first = secrets.randbits(127) + 1, int(time.time() * 1000)
        spans = [proto_span(first + n, trace=trace, attributes=PADDING) for n in range(self.spans)]
        for span in spans:
            span.span_id = secrets.token_bytes(8)
        response = _posted(f"{collector}/v1/traces", traces_body(*spans, service=SERVICE))
        self.responses[response] += 1
        if response == HTTPStatus.OK:
            self.acknowledged |= {span.span_id.hex() for span in spans}
        return response == HTTPStatus.OK

    def fill(self, collector: str) -> None:
        """Send until the Collector refuses; AssertionError when it accepts many times the size of its queue."""
        for _ in range(FULL_AFTER_REQUESTS):
            if not self.send(collector):
                return
        raise AssertionError(f"the queue is not full after {FULL_AFTER_REQUESTS} requests: {self.responses}")


def _posted(url: str, body: bytes) -> int | str:
    try:
        with urlopen(Request(url, body, PROTOBUF), timeout=TIMEOUT_SECONDS) as response:
            return int(response.status)
    except HTTPError as error:
        return error.code
    except OSError as error:
        return type(error).__name__
