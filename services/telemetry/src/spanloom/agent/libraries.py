"""The hooks of the agent; those of a library are loaded before its first import, and not at all without one."""

from __future__ import annotations

import sys
from functools import partial
from importlib import import_module
from threading import RLock
from typing import TYPE_CHECKING, NamedTuple

from spanloom.core.guard import Guard
from spanloom.core.imports import before_import

if TYPE_CHECKING:
    from collections.abc import Collection

    from spanloom.agent.gate import Gate
    from spanloom.instrumentation.hooks import Hooks, Options

ROOM = __name__.replace("agent.libraries", "instrumentation")


class Entry(NamedTuple):
    """Hooks by their name, as in `Hooks.name`; their module and class; and the packages that they are for.

    Without a package they are for Python itself.
    """

    name: str
    module: str
    class_name: str
    packages: tuple[str, ...] = ()

    def load(self) -> Hooks:
        """Return new hooks."""
        made: Hooks = getattr(import_module(f"{ROOM}.{self.module}"), self.class_name)()
        return made


ENTRIES = (
    Entry("asgi", "asgi", "AsgiHooks", ("fastapi", "starlette", "uvicorn")),
    Entry("wsgi", "wsgi", "WsgiHooks", ("flask", "django")),
    Entry("aiohttp-client", "aiohttp_client", "ClientHooks", ("aiohttp",)),
    Entry("httpx", "httpx", "HttpxHooks", ("httpx",)),
    Entry("urllib3", "urllib3", "Urllib3Hooks", ("urllib3",)),
    Entry("sqlalchemy", "sqlalchemy", "SqlalchemyHooks", ("sqlalchemy",)),
    Entry("psycopg", "psycopg", "PsycopgHooks", ("psycopg", "psycopg_pool")),
    Entry("asyncpg", "asyncpg", "AsyncpgHooks", ("asyncpg",)),
    Entry("threading", "threads", "ThreadsHooks"),
    Entry("logging", "logs", "LogsHooks"),
    Entry("runtime", "runtime", "RuntimeHooks"),
)


class Libraries:
    """Installs the hooks of each library once, when it is needed."""

    def __init__(self, gate: Gate, options: Options) -> None:
        self._gate, self._options = gate, options
        self._installed: set[str] = set()
        self._guard, self._lock = Guard("imports"), RLock()

    def watch(self, disabled: Collection[str]) -> None:
        """Install what is for Python itself or for imported packages now, the others when they are imported."""
        for entry in ENTRIES:
            if entry.name not in disabled and "*" not in disabled:
                self._watch(entry)

    def _watch(self, entry: Entry) -> None:
        for package in entry.packages:
            before_import(package, partial(self._guard.run, self._install, entry))
        if not entry.packages or not sys.modules.keys().isdisjoint(entry.packages):
            self._install(entry)

    def _install(self, entry: Entry) -> None:
        with self._lock:
            if entry.name not in self._installed:
                self._installed.add(entry.name)
                self._gate.add(entry.load(), self._options)
