"""A shop on Flask whose packages are pinned by itself; it calls itself over HTTP by requests."""

import json
import logging
import sys
from importlib import metadata

import requests
from flask import Flask, request

app = Flask(__name__)
PINNED = ("protobuf", "typing_extensions", "wrapt", "urllib3", "requests", "packaging", "psutil", "opentelemetry-api")


def version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


@app.get("/orders/<int:number>")
def order(number):
    response = requests.get(request.host_url + "prices?token=CANARY42", timeout=9)
    return {"number": number, "price": response.json()}


@app.get("/prices")
def prices():
    return json.dumps(7)


@app.get("/used")
def used():
    """Use what is pinned."""
    found = {package: version(package) for package in PINNED}
    if found["protobuf"]:
        from google.protobuf import wrappers_pb2

        found["bytes"] = wrappers_pb2.Int32Value(value=7).SerializeToString().hex()
    if found["wrapt"]:
        import wrapt

        found["wrapped"] = wrapt.ObjectProxy([7])[0]
    if found["opentelemetry-api"]:
        from opentelemetry import trace

        with trace.get_tracer("shop").start_as_current_span("by hand"):
            found["span"] = trace.get_current_span().__class__.__name__ != ""
    return found


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app.run(port=int(sys.argv[1]), threaded=True)
