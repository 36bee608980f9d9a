"""Create a Deployment without pods, label it, wait for its configuration; take the label off, wait for its end."""

import json
import os
import ssl
import sys
import time
import urllib.request
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
NAMESPACE, NAME = os.environ["NAMESPACE"], os.environ["NAME"]
URL = f"https://kubernetes.default.svc/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
TLS = ssl.create_default_context(cafile=ACCOUNT / "ca.crt")
PATIENCE_SECONDS = 60


def call(method, url, body=None, kind="application/json"):
    """Return the API server's response; HTTPError when it refuses."""
    headers = {"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}", "Content-Type": kind}
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10, context=TLS) as response:  # noqa: S310
        return json.load(response)


def label(value):
    """Set or remove (None) the label."""
    patch = {"metadata": {"labels": {"spanloom.dev/inject": value}}}
    call("PATCH", f"{URL}/{NAME}", patch, "application/merge-patch+json")


def wait(what, wanted):
    """Wait until the container has variables, or none; exit when it takes too long."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        env = call("GET", f"{URL}/{NAME}")["spec"]["template"]["spec"]["containers"][0].get("env", [])
        if any(entry["name"] == "OTEL_EXPORTER_OTLP_ENDPOINT" for entry in env) == wanted:
            print(what, [entry["name"] for entry in env])
            return
        time.sleep(0.5)
    sys.exit(f"not within {PATIENCE_SECONDS} s: {what}")


labels = {"app": NAME}
pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "none:0"}]}}
spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod}
call("POST", URL, {"metadata": {"name": NAME}, "spec": spec})
try:
    label("true")
    wait("injected", wanted=True)
    label(None)
    wait("withdrawn", wanted=False)
finally:
    call("DELETE", f"{URL}/{NAME}")
