"""The addresses that the commands of the images listen on."""

from __future__ import annotations

import json
import re
import socket
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
from support.paths import ROOT
from support.polling import poll_until
from support.processes.commands import free_port, listens, start

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
SETTINGS = {
    "users-api": {"USERS_API_USERS_DB_URL": "http://127.0.0.1:1"},
    "users-db-service": {"USERS_DB_DATABASE_URL": "postgresql://user@127.0.0.1:1/none"},
}


@pytest.mark.parametrize("service", SETTINGS)
@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]"])
def test_a_service_listens_on_ipv4_and_ipv6(service: str, address: str) -> None:
    """The command of the image listens on IPv4 and IPv6, so that pods of either family are reachable."""
    if address == "[::1]" and not _has_ipv6():
        pytest.skip("no IPv6 on this machine")
    (command,) = re.findall(rf"^FROM runtime AS {service}\n.*\nCMD (.*)$", DOCKERFILE.read_text(), re.MULTILINE)
    program, *arguments = json.loads(command)
    port = str(free_port())
    arguments = [port if argument == "8000" else argument for argument in arguments]
    environment = {
        "PATH": str(Path(sys.executable).parent),
        "OTEL_SDK_DISABLED": "true",
        "OTEL_PYTHON_DISTRO": "spanloom",
    }
    process = start(program, *arguments, **environment, **SETTINGS[service])
    try:
        poll_until(lambda: listens(int(port)) or process.poll() is not None, f"{service} listens", 30)
        with urlopen(f"http://{address}:{port}/healthz") as response:
            assert 200 == response.status
    finally:
        process.terminate()
        process.communicate()


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True
