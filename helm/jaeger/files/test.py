"""Store one span in Jaeger by OTLP and find it again through the query API."""

import json
import os
import secrets
import ssl
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

CA = Path("/etc/jaeger/tls/ca.crt")
TIMEOUT_SECONDS = 30  # remote storages return new spans after a delay


def store(trace_id):
    """POST one span as OTLP; HTTPError if Jaeger refuses it."""
    now = time.time_ns()
    span = {"traceId": trace_id, "spanId": secrets.token_hex(8), "name": "helm-test", "kind": 2}
    span |= {"startTimeUnixNano": str(now - 1_000_000), "endTimeUnixNano": str(now)}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "helm-test"}}]}
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(os.environ["TRACES_URL"], json.dumps(body).encode(), headers)  # noqa: S310
    tls = ssl.create_default_context(cafile=CA) if CA.exists() else None
    urllib.request.urlopen(request, timeout=10, context=tls).close()  # noqa: S310


def found(trace_id):
    """Return whether the query API finds the trace; 404 means no."""
    try:
        urllib.request.urlopen(f"{os.environ['QUERY_URL']}/api/traces/{trace_id}", timeout=10).close()  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return False
    return True


trace_id = secrets.token_hex(16)
store(trace_id)
deadline = time.monotonic() + TIMEOUT_SECONDS
while not found(trace_id):
    if time.monotonic() > deadline:
        sys.exit(f"trace {trace_id} was accepted, but not found within {TIMEOUT_SECONDS} s")
    time.sleep(1)
print(f"trace {trace_id} was stored and found")
