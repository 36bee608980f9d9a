"""Create, read and delete a user through the edge; find the trace of the first request, and its log records.

JAEGER and LOGS are URLs of query APIs; without them the test ends after the requests.
"""

import json
import os
import secrets
import sys
import time
import urllib.parse
import urllib.request

TIMEOUT_SECONDS = 60
# Server and client spans from the edge to the database; function spans between them may be filtered out.
REQUIRED = [
    ("users-api", "server"),
    ("users-api", "client"),
    ("users-db-service", "server"),
    ("users-db-service", "client"),
]


def send(method, path, mark, body=None):
    """Send a request and return status code and decoded body; HTTPError for an error status."""
    headers = {"User-Agent": mark, "Content-Type": "application/json"}
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(os.environ["EDGE"] + path, data, headers, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        return response.status, json.loads(response.read() or "null")


def traces_of(mark):
    """Return the traces of this request as Jaeger has them now."""
    tags = json.dumps({"user_agent.original": mark})
    query = urllib.parse.urlencode({"service": "users-api", "tags": tags, "lookback": "1h"})
    with urllib.request.urlopen(f"{os.environ['JAEGER']}/api/traces?{query}", timeout=10) as response:  # noqa: S310
        return json.load(response)["data"]


def spans_of(traces):
    """Return service and kind of the server and client spans, from the root; empty without a trace."""
    return [found for trace in traces for found in down(trace) if found[1] in ("server", "client")]


def services_with_logs(trace_id):
    """Return the services that have a log record of this trace in VictoriaLogs."""
    query = urllib.parse.urlencode({"query": f'trace_id:="{trace_id}"'})
    with urllib.request.urlopen(f"{os.environ['LOGS']}/select/logsql/query?{query}", timeout=10) as response:  # noqa: S310
        return sorted({json.loads(line)["service.name"] for line in response})


def wait_for(expected, find, what):
    """Wait until `find` returns `expected`; exit with what it returned at last."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while (found := find()) != expected:
        if time.monotonic() > deadline:
            sys.exit(f"expected the {what} {expected}, found {found} within {TIMEOUT_SECONDS} s")
        time.sleep(1)


def down(trace):
    """Yield service and kind from the root along first children."""
    children = {(s["references"] or [{"spanID": None}])[0]["spanID"]: s for s in trace["spans"]}
    span = children.get(None)
    while span:
        kind = next((tag["value"] for tag in span["tags"] if tag["key"] == "span.kind"), "internal")
        yield trace["processes"][span["processID"]]["serviceName"], kind
        span = children.get(span["spanID"])


mark = f"helm-test/{secrets.token_hex(8)}"
_, user = send("POST", "/users", mark, {"name": "Helm Test"})
_, read = send("GET", f"/users/{user['id']}", "helm-test")
send("DELETE", f"/users/{user['id']}", "helm-test")
if user != read:
    sys.exit(f"created {user}, but read {read}")
print(f"user {user['id']} was created, read and deleted")
if "JAEGER" in os.environ:
    wait_for(REQUIRED, lambda: spans_of(traces_of(mark)), "spans")
    print("its trace is complete, from the edge to the database")
if "LOGS" in os.environ:
    (trace,) = traces_of(mark)
    wait_for(["users-api", "users-db-service"], lambda: services_with_logs(trace["traceID"]), "services with logs")
    print("both services have log records of the trace")
