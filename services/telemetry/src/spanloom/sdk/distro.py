"""The distribution that `opentelemetry-instrument` loads for `OTEL_PYTHON_DISTRO=spanloom`.

Settings are validated before the SDK is imported. An invalid one ends the process before the application starts, with
one line that contains the variable and the expected form.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from opentelemetry.instrumentation.distro import BaseDistro  # type: ignore[attr-defined] # not typed

from spanloom.core.reports import report
from spanloom.sdk.configure import configure
from spanloom.settings import Settings, SettingsError
from spanloom.settings.environment import apply_defaults, canonical_values
from spanloom.settings.levels import set_active_filter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from importlib.metadata import EntryPoint

    from spanloom.instrumentation.hooks import Options

# Instrumentations of OpenTelemetry's contrib that are not loaded: the distribution's own replace them.
REPLACED = frozenset(
    {"aiohttp-client", "asgi", "asyncpg", "django", "fastapi", "flask", "httpx", "logging", "psycopg", "requests",
     "sqlalchemy", "starlette", "threading", "urllib3", "wsgi"}
)  # fmt: skip
# Logged for the configurator of opentelemetry-distro, which is not selected.
OTHER_CONFIGURATOR = "Configuration of configurator not loaded"
EX_CONFIG = 78  # sysexits.h

_load_logger = logging.getLogger("opentelemetry.instrumentation.auto_instrumentation._load")


class SpanloomDistro(BaseDistro):  # type: ignore[misc] # the base class is not typed
    """Validates the settings, sets the defaults, and selects the instrumentations to load."""

    def _configure(self, **_: Any) -> None:
        try:
            run_or_report("telemetry", self._read_settings)
        except SettingsError as error:
            exit_with_error(error)

    def _read_settings(self) -> None:
        settings = Settings.from_environ(os.environ)
        apply_defaults(os.environ)
        set_active_filter(settings.level_filter)
        _load_logger.addFilter(_is_relevant)

    def load_instrumentor(self, entry_point: EntryPoint, **kwargs: Any) -> None:
        """Load the distribution's instrumentations with the settings; skip those that they replace."""
        if SpanloomConfigurator.options is None:
            return
        if entry_point.value.startswith("spanloom."):
            run_or_report(f"instrumentation {entry_point.name}", self._load_with_options, entry_point, kwargs)
        elif entry_point.name not in REPLACED:
            super().load_instrumentor(entry_point, **kwargs)

    def _load_with_options(self, entry_point: EntryPoint, kwargs: Mapping[str, Any]) -> None:
        entry_point.load()().instrument(options=SpanloomConfigurator.options, **kwargs)


class SpanloomConfigurator:
    """Configures the telemetry of the process from its environment variables."""

    options: Options | None = None  # of the hooks; None without telemetry, and no instrumentation is loaded then

    def configure(self, *, auto_instrumentation_version: str | None = None, **_: Any) -> None:
        """Set the global providers; none with OTEL_SDK_DISABLED."""
        run_or_report("telemetry", _configure, auto_instrumentation_version)


def _configure(auto_instrumentation_version: str | None) -> None:
    settings = Settings.from_environ(os.environ)
    if not settings.is_disabled:
        values = canonical_values(os.environ)
        SpanloomConfigurator.options = configure(values, settings, auto_instrumentation_version)


def run_or_report(component: str, function: Callable[..., None], *args: Any) -> None:
    """Call `function`; report an exception other than SettingsError in one line and continue without telemetry."""
    try:
        function(*args)
    except SettingsError:
        raise
    except Exception as error:
        report(
            f"{component} could not be configured ({type(error).__name__}: {error}); the application runs without it"
        )


def _is_relevant(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(OTHER_CONFIGURATOR)


def exit_with_error(error: SettingsError) -> None:
    """End the process with one line on standard error.

    sitecustomize, which runs this code, would print a traceback for SystemExit.
    """
    print(f"spanloom: {error}", file=sys.stderr, flush=True)
    os._exit(EX_CONFIG)
