"""Send one metric with an exemplar to Prometheus by OTLP, and find both again through the query API."""

import json
import os
import secrets
import ssl
import time
import urllib.parse
import urllib.request
from pathlib import Path

CA = Path("/etc/prometheus/tls/ca.crt")
NAME = f"helm_test_{secrets.token_hex(4)}"


def call(path, body=None, **query):
    """Return the body of a response of Prometheus; HTTPError if it refuses the request."""
    url = f"{os.environ['PROMETHEUS_URL']}{path}?{urllib.parse.urlencode(query)}"
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, body and json.dumps(body).encode(), headers)  # noqa: S310
    tls = ssl.create_default_context(cafile=CA) if CA.exists() else None
    with urllib.request.urlopen(request, timeout=10, context=tls) as response:  # noqa: S310
        return response.read()


def attributes(**texts):
    """Return attributes as OTLP; `_` stands for a dot."""
    return [{"key": key.replace("_", "."), "value": {"stringValue": text}} for key, text in texts.items()]


def metrics(trace_id):
    """Return an OTLP request with one counter of value 1 and one exemplar."""
    now = str(time.time_ns())
    exemplar = {"timeUnixNano": now, "asDouble": 1, "traceId": trace_id, "spanId": secrets.token_hex(8)}
    point = {"startTimeUnixNano": now, "timeUnixNano": now, "asDouble": 1, "exemplars": [exemplar]}
    counter = {"name": NAME, "sum": {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": [point]}}
    resource = {"attributes": attributes(service_name="helm-test", k8s_pod_name="helm-test")}
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [counter]}]}]}


def found(path, **query):
    """Return what the query API finds."""
    return json.loads(call(path, **query))["data"]


trace_id = secrets.token_hex(16)
series = f'{NAME}_total{{service_name="helm-test",k8s_pod_name="helm-test"}}'
call("/api/v1/otlp/v1/metrics", metrics(trace_id))
result = found("/api/v1/query", query=series)["result"]
assert len(result) == 1, f"{series} was accepted, but the query returns {result}"  # noqa: S101
end = time.time()
exemplars = found("/api/v1/query_exemplars", query=series, start=end - 60, end=end + 60)
assert trace_id in json.dumps(exemplars), f"the exemplar of trace {trace_id} was not stored"  # noqa: S101
print(f"{series} was stored and found, with trace {trace_id} as exemplar")
