"""The distribution: what `opentelemetry-instrument` loads for `OTEL_PYTHON_DISTRO=spanloom`.

Settings are checked before the SDK is imported. One that is not understood ends the process before the application
starts, with one line that says what was expected.
"""

from __future__ import annotations

import logging
import os
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any

from opentelemetry.instrumentation.distro import BaseDistro  # type: ignore[attr-defined] # not typed

from spanloom.settings import Settings, SettingsError
from spanloom.settings.environment import apply_defaults
from spanloom.settings.levels import set_active_filter
from spanloom.tracing.guard import report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from importlib.metadata import EntryPoint

    from spanloom.instrumentation.base import Options

# Instrumentations of OpenTelemetry's contrib whose work our own hooks do: once, and without noise.
REPLACED = frozenset(
    {"aiohttp-client", "asgi", "asyncpg", "django", "fastapi", "flask", "logging", "psycopg", "sqlalchemy", "starlette",
     "threading", "wsgi"}
)  # fmt: skip
# opentelemetry-distro, if it is installed, brings a configurator; that it is not the chosen one is no news.
OTHER_CONFIGURATOR = "Configuration of configurator not loaded"
EX_CONFIG = 78  # sysexits.h

_load_logger = logging.getLogger("opentelemetry.instrumentation.auto_instrumentation._load")


class SpanloomDistro(BaseDistro):  # type: ignore[misc] # the base class is not typed
    """Checks the settings, sets the defaults, and decides which instrumentations are loaded."""

    settings: Settings | None = None  # None: they could not be read, and nothing is loaded

    def _configure(self, **_: Any) -> None:
        try:
            in_a_line("telemetry", self._read_settings)
        except SettingsError as error:
            refuse(error)

    def _read_settings(self) -> None:
        settings = Settings.from_environ(os.environ)
        apply_defaults(os.environ)
        set_active_filter(settings.level_filter)
        _load_logger.addFilter(_is_news)
        if not settings.is_disabled:
            self.settings = settings

    @cached_property
    def options(self) -> Options:
        """What our instrumentations are given."""
        from spanloom.sdk.runtime import instrumentation_options  # noqa: PLC0415 imports the SDK

        return instrumentation_options(self.settings or Settings.from_environ({}))

    def load_instrumentor(self, entry_point: EntryPoint, **kwargs: Any) -> None:
        """Load one instrumentation: ours with the settings, others unless ours do their work."""
        if self.settings is None:
            return
        if entry_point.value.startswith("spanloom."):
            in_a_line(f"instrumentation {entry_point.name}", self._load_own, entry_point, kwargs)
        elif entry_point.name not in REPLACED:
            super().load_instrumentor(entry_point, **kwargs)

    def _load_own(self, entry_point: EntryPoint, kwargs: Mapping[str, Any]) -> None:
        entry_point.load()().instrument(options=self.options, **kwargs)


class SpanloomConfigurator:
    """Sets the SDK up as its variables say."""

    def configure(self, *, auto_instrumentation_version: str | None = None, **_: Any) -> None:
        """Set the global providers; none with OTEL_SDK_DISABLED."""
        in_a_line("telemetry", _configure_providers, auto_instrumentation_version)


def _configure_providers(auto_instrumentation_version: str | None) -> None:
    settings = Settings.from_environ(os.environ)
    if not settings.is_disabled:
        from spanloom.sdk.configure import configure_providers  # noqa: PLC0415 imports the SDK

        configure_providers(auto_instrumentation_version, exports_logs=settings.exports_logs)


def in_a_line(what: str, function: Callable[..., None], *args: Any) -> None:
    """Call a function; what it raises, but for SettingsError, becomes one line: the application runs without it."""
    try:
        function(*args)
    except SettingsError:
        raise
    except Exception as error:
        report(f"{what} could not be configured ({type(error).__name__}: {error}); the application runs without it")


def _is_news(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(OTHER_CONFIGURATOR)


def refuse(error: SettingsError) -> None:
    """End the process with one line; sitecustomize, which runs this, would turn SystemExit into a traceback."""
    print(f"spanloom: {error}", file=sys.stderr, flush=True)
    os._exit(EX_CONFIG)
