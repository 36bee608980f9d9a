"""The whole stack, with a receiver, a proxy between the services, and a database that can be paused."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from support.processes.postgres import Postgres
from support.servers.tcp_proxy import TcpProxy, tcp_proxy

from spanloom_local import stack
from spanloom_local.ports import listen
from spanloom_local.processes import Processes
from spanloom_local.receiver import Receiver
from spanloom_local.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from spanloom.traces.model import Trace
    from spanloom_local.journey import Response

KEPT_TRACES = 10_000


class Stack(stack.Stack):
    """The demo's stack, with the faults that a test causes in it."""

    postgres: Postgres

    def __init__(self, processes: Processes, receiver: Receiver, proxy: TcpProxy, extra: Mapping[str, str]) -> None:
        super().__init__(processes, receiver, Postgres(processes), {**extra, "USERS_API_USERS_DB_URL": proxy.url})
        self.proxy = proxy

    def kill_users_db(self) -> None:
        """End users-db-service by SIGKILL."""
        self.users_db.popen.kill()
        self.users_db.popen.wait()
        self.processes.stop(self.users_db)

    def start_users_db(self) -> None:
        """Start users-db-service again and point the proxy to it."""
        settings = {"USERS_DB_DATABASE_URL": self.postgres.url, "SPANLOOM_TRUST_INCOMING": "true"}
        self.users_db, self.internal_url = self._service("users-db-service", "users_db.app", listen(0), settings)
        stack.wait_until_ready(self.processes, self.users_db, self.internal_url)
        self.proxy.target = self.internal_url

    def traces(self) -> list[Trace]:
        """Return every received trace."""
        return list(self.receiver.store.traces().values())

    def edges(self, responses: list[Response]) -> int:
        """Return how many of these requests have exactly one server span at the edge."""
        agents = Counter(
            span.attributes.get("user_agent.original")
            for trace in self.traces()
            for span in trace.spans
            if span.label.startswith("users-api SERVER")
        )
        return sum(agents[response.mark] == 1 for response in responses)


@contextmanager
def running_stack(extra: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """Run a stack; `extra` is additional environment for both services."""
    with (
        Receiver(store=Store(KEPT_TRACES)) as receiver,
        tcp_proxy() as proxy,
        # Not below pytest's own directory: PostgreSQL's user cannot enter it.
        TemporaryDirectory(prefix="spanloom-", ignore_cleanup_errors=True) as directory,
        Processes(Path(directory)) as processes,
    ):
        found = Stack(processes, receiver, proxy, extra or {})
        found.start(listen(0), lambda _: nullcontext())
        proxy.target = found.internal_url
        yield found
