"""Lock the environments of the peers: `make lock`.

Each has the requirements of both services in the versions of uv.lock, and the newest packages of the peer that fit.
OpenTelemetry's packages may differ: each peer has its own versions.
"""

from __future__ import annotations

import sys

from bench.arms import SERVICES
from bench.environments import PEERS
from support.processes.environments import NotInstalledError, lock_packages, uv

REQUIREMENTS = {
    "boot": ["flask"],
    "contrib": [
        "opentelemetry-distro",
        "opentelemetry-exporter-otlp-proto-http",
        "opentelemetry-instrumentation-aiohttp-client",
        "opentelemetry-instrumentation-fastapi",
        "opentelemetry-instrumentation-psycopg",
    ],
    "ddtrace": ["ddtrace", "opentelemetry-api"],
    "logfire": ["logfire[aiohttp-client,fastapi,psycopg]"],
}
"""Packages of each peer, and of the applications that bench.boot starts."""


def requirements_of_services() -> list[str]:
    """Return the locked packages of both services, without those of OpenTelemetry."""
    packages = [option for service in SERVICES for option in ("--package", f"spanloom-{service}")]
    options = ["--no-dev", "--no-emit-workspace", "--no-hashes", "--no-annotate", "--no-header"]
    locked = uv("export", "--locked", *options, *packages).splitlines()
    return [line for line in locked if not line.startswith("opentelemetry-")]


def main() -> None:
    """Lock every environment; exit with the reason if one cannot be locked."""
    shared = requirements_of_services()
    try:
        for peer, packages in REQUIREMENTS.items():
            lock_packages([*packages, *shared], PEERS / f"{peer}.txt")
    except NotInstalledError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
