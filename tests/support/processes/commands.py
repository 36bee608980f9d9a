"""Console scripts of this environment as processes, and ports."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path


def start(program: str, *arguments: str, **environ: str) -> subprocess.Popen[str]:
    """Start a console script of this environment with only these environment variables."""
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    return subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)  # of the test


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the exit status and stderr of a process once it has ended."""
    _, errors = process.communicate()
    return process.returncode, errors


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Return whether a server accepts connections."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True
