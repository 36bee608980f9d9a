"""Wait until one of the storage's addresses accepts connections; Jaeger would exit without a storage."""

import os
import socket
import time

addresses = [tuple(address.rsplit(":", 1)) for address in os.environ["ADDRESSES"].split(",")]


def refusal(host, port):
    """Return why a connection fails; empty if it succeeds."""
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except OSError as error:
        return f"{host}:{port}: {error}"
    return ""


while all(refusals := [refusal(host, port) for host, port in addresses]):
    print("waiting for the storage:", "; ".join(refusals), flush=True)
    time.sleep(2)
print("the storage accepts connections")
