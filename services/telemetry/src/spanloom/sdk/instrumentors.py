"""The hooks as instrumentations of OpenTelemetry: entry points, `instrument` and `uninstrument`.

Named after the instrumentations that they replace, so that OTEL_PYTHON_DISABLED_INSTRUMENTATIONS has the same meaning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined] # not typed

from spanloom.instrumentation.aiohttp_client import ClientHooks
from spanloom.instrumentation.asgi import AsgiHooks
from spanloom.instrumentation.asyncpg import AsyncpgHooks
from spanloom.instrumentation.hooks import Hooks, Options
from spanloom.instrumentation.httpx import HttpxHooks
from spanloom.instrumentation.logs import LogsHooks
from spanloom.instrumentation.psycopg import PsycopgHooks
from spanloom.instrumentation.runtime import RuntimeHooks
from spanloom.instrumentation.sqlalchemy import SqlalchemyHooks
from spanloom.instrumentation.threads import ThreadsHooks
from spanloom.instrumentation.urllib3 import Urllib3Hooks
from spanloom.instrumentation.wsgi import WsgiHooks

if TYPE_CHECKING:
    from collections.abc import Collection


class HooksInstrumentor(BaseInstrumentor):  # type: ignore[misc] # its base is not typed
    """An instrumentation that installs hooks; it requires no library, as hooks wait for theirs."""

    hooks_class: ClassVar[type[Hooks]]

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return no dependencies: the library is optional."""
        return ()

    def _instrument(self, *, options: Options | None = None, **_: Any) -> None:
        options = options or Options()
        self.hooks = [hooks_class() for hooks_class in self.classes(options)]
        for hooks in self.hooks:
            hooks.hook(options)

    def classes(self, _: Options) -> list[type[Hooks]]:
        """Return the classes of hooks to install."""
        return [self.hooks_class]

    def _uninstrument(self, **_: Any) -> None:
        for hooks in self.hooks:
            hooks.remove()


class AsgiInstrumentor(HooksInstrumentor):
    """ASGI applications."""

    hooks_class = AsgiHooks


class WsgiInstrumentor(HooksInstrumentor):
    """WSGI applications."""

    hooks_class = WsgiHooks


class ClientInstrumentor(HooksInstrumentor):
    """aiohttp's client."""

    hooks_class = ClientHooks


class HttpxInstrumentor(HooksInstrumentor):
    """httpx."""

    hooks_class = HttpxHooks


class Urllib3Instrumentor(HooksInstrumentor):
    """urllib3, and requests."""

    hooks_class = Urllib3Hooks


class SqlalchemyInstrumentor(HooksInstrumentor):
    """SQLAlchemy."""

    hooks_class = SqlalchemyHooks


class PsycopgInstrumentor(HooksInstrumentor):
    """psycopg."""

    hooks_class = PsycopgHooks


class AsyncpgInstrumentor(HooksInstrumentor):
    """asyncpg."""

    hooks_class = AsyncpgHooks


class RuntimeInstrumentor(HooksInstrumentor):
    """The Python runtime."""

    hooks_class = RuntimeHooks


class ThreadsInstrumentor(HooksInstrumentor):
    """Thread pools."""

    hooks_class = ThreadsHooks


class LogsInstrumentor(HooksInstrumentor):
    """The standard library's logging."""

    hooks_class = LogsHooks

    def classes(self, options: Options) -> list[type[Hooks]]:
        """Return the hooks of logging, and those of JSON lines where they are asked for."""
        if options.settings.log_format != "json":
            return [LogsHooks]
        from spanloom.sdk.json_logs import JsonLogsHooks  # noqa: PLC0415 imports a library

        return [LogsHooks, JsonLogsHooks]
