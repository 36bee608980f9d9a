"""Send one span to the Collector and wait until it is in the RED metrics, with an exemplar."""

import json
import os
import secrets
import socket
import ssl
import sys
import time
import urllib.request
from pathlib import Path

TOKEN, CA = Path("/etc/otelcol/clients/token"), Path("/etc/otelcol/tls/ca.crt")
TIMEOUT_SECONDS = 60  # span_metrics flushes every 15


def send(name, trace_id):
    """POST the span as OTLP; HTTPError if the Collector refuses it."""
    now = time.time_ns()
    span = {"traceId": trace_id, "spanId": secrets.token_hex(8), "name": name, "kind": 2}
    span |= {"startTimeUnixNano": str(now - 1_000_000), "endTimeUnixNano": str(now)}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "helm-test"}}]}
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
    headers = {"Content-Type": "application/json"}
    if TOKEN.exists():
        headers["Authorization"] = f"Bearer {TOKEN.read_text().split()[0]}"
    request = urllib.request.Request(os.environ["TRACES_URL"], json.dumps(body).encode(), headers)  # noqa: S310
    tls = ssl.create_default_context(cafile=CA) if CA.exists() else None
    urllib.request.urlopen(request, timeout=10, context=tls).close()  # noqa: S310


def metrics():
    """Return the metrics of every pod of the Collector, in OpenMetrics (the only format with exemplars)."""
    addresses = {info[4][0] for info in socket.getaddrinfo(os.environ["PODS"], 8889)}
    pods = [f"[{address}]" if ":" in address else address for address in addresses]
    headers = {"Accept": "application/openmetrics-text;version=1.0.0"}
    requests = [urllib.request.Request(f"http://{pod}:8889/metrics", headers=headers) for pod in pods]
    return "".join(urllib.request.urlopen(r, timeout=10).read().decode() for r in requests)  # noqa: S310


name, trace_id = f"helm-test-{secrets.token_hex(4)}", secrets.token_hex(16)
send(name, trace_id)
deadline = time.monotonic() + TIMEOUT_SECONDS
while not ((page := metrics()).count(name) and trace_id in page):
    if time.monotonic() > deadline:
        sys.exit(f"span {name} of trace {trace_id} is not in the metrics within {TIMEOUT_SECONDS} s")
    time.sleep(1)
print(f"span {name} is in the RED metrics, with trace {trace_id} as exemplar")
