"""Store one log record in VictoriaLogs by OTLP and find it by its trace id."""

import json
import os
import secrets
import ssl
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

CA = Path("/etc/victoria-logs/tls/ca.crt")
TLS = ssl.create_default_context(cafile=CA) if CA.exists() else None
TIMEOUT_SECONDS = 30  # a record is found after a delay


def field(number, content):
    """Return a length-delimited field of protobuf; its content has at most 127 bytes."""
    return bytes([number << 3 | 2, len(content)]) + content


def request_body(trace_id):
    """Return an ExportLogsServiceRequest with one record: VictoriaLogs takes no JSON."""
    name = field(1, b"service.name") + field(2, field(1, b"helm-test"))  # KeyValue
    time_unix_nano = b"\x09" + time.time_ns().to_bytes(8, "little")
    record = time_unix_nano + field(5, field(1, b"helm test")) + field(9, bytes.fromhex(trace_id))
    return field(1, field(1, field(1, name)) + field(2, field(2, record)))


def post(path, body, content_type):
    """POST to VictoriaLogs and return the body of its response; HTTPError if it refuses."""
    request = urllib.request.Request(os.environ["URL"] + path, body, {"Content-Type": content_type})  # noqa: S310
    with urllib.request.urlopen(request, timeout=10, context=TLS) as response:  # noqa: S310
        return response.read()


def found(trace_id):
    """Return the records of the trace."""
    query = urllib.parse.urlencode({"query": f'trace_id:="{trace_id}"'}).encode()
    lines = post("/select/logsql/query", query, "application/x-www-form-urlencoded").splitlines()
    return [json.loads(line) for line in lines]


trace_id = secrets.token_hex(16)
post("/insert/opentelemetry/v1/logs", request_body(trace_id), "application/x-protobuf")
deadline = time.monotonic() + TIMEOUT_SECONDS
while not (records := found(trace_id)):
    if time.monotonic() > deadline:
        sys.exit(f"the record of trace {trace_id} was accepted, but not found within {TIMEOUT_SECONDS} s")
    time.sleep(1)
if [record["_msg"] for record in records] != ["helm test"]:
    sys.exit(f"expected one record 'helm test' of trace {trace_id}, found {records}")
print(f"the log record of trace {trace_id} was stored and found")
