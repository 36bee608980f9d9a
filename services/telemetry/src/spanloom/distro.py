"""The distribution: what `opentelemetry-instrument` loads for `OTEL_PYTHON_DISTRO=spanloom`.

Every default is an OTEL_* variable that the environment may set otherwise. A setting that is not understood ends
the process before the application starts, with one line that says what was expected.
"""

from __future__ import annotations

import logging
import os
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from opentelemetry.distro import OpenTelemetryConfigurator
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.distro import BaseDistro  # type: ignore[attr-defined] # not typed
from opentelemetry.sdk import _configuration
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SimpleSpanProcessor,
    SpanExporter,
)

from spanloom import privacy, retries
from spanloom.errors import ConfigurationError
from spanloom.filter import install
from spanloom.lean import BytesProcessor, LeanTracerProvider
from spanloom.settings import DEFAULTS, Settings
from spanloom.tree import TreeExporter

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from opentelemetry.sdk.trace import SpanProcessor

# What these would do is done by our own hooks: once, and without the noise.
REPLACED = frozenset({"aiohttp-client", "asgi", "fastapi", "psycopg", "sqlalchemy", "starlette", "threading"})
# opentelemetry-distro, which ours builds on, brings a configurator; that it is not the chosen one is no news.
OTHER_CONFIGURATOR = "Configuration of configurator not loaded"
BAD_CONFIGURATION = 78  # EX_CONFIG of sysexits.h

_loading = logging.getLogger("opentelemetry.instrumentation.auto_instrumentation._load")


class SpanloomDistro(BaseDistro):  # type: ignore[misc] # the base class is not typed
    """Reads the settings, sets the defaults, and decides which instrumentations are loaded."""

    def _configure(self, **_: Any) -> None:
        for key, value in DEFAULTS.items():
            os.environ.setdefault(key, value)
        try:
            self.settings = Settings.from_environ(os.environ)
        except ConfigurationError as error:
            refuse(error)
        install(self.settings.filter)
        _loading.addFilter(lambda record: not record.getMessage().startswith(OTHER_CONFIGURATOR))

    def load_instrumentor(self, entry_point: EntryPoint, **kwargs: Any) -> None:
        """Load one instrumentation: ours with the settings, others unless ours do their work."""
        if entry_point.value.startswith("spanloom."):
            entry_point.load()().instrument(settings=self.settings, **kwargs)
        elif is_loaded(entry_point.name, os.environ["OTEL_LOGS_EXPORTER"]):
            super().load_instrumentor(entry_point, **kwargs)


def is_loaded(name: str, logs_exporter: str) -> bool:
    """Tell whether an instrumentation that is not ours is loaded; `logging` is when records leave over OTLP."""
    return name not in REPLACED and (name != "logging" or logs_exporter.strip() not in ("", "none"))


class SpanloomConfigurator(OpenTelemetryConfigurator):
    """Sets up the SDK as its variables say, with errors and URLs that quote no data."""

    def _configure(self, **kwargs: Any) -> None:
        privacy.guard_spans()
        retries.until_timeout()
        setattr(_configuration, "TracerProvider", LeanTracerProvider)  # noqa: B010 the SDK has no other door
        super()._configure(  # type: ignore[no-untyped-call]
            resource_attributes={"telemetry.distro.name": "spanloom", "telemetry.distro.version": version("spanloom")},
            span_processors=[privacy.Scrubber()],
            export_span_processor=processor,
            **kwargs,
        )


def processor(span_exporter: SpanExporter) -> SpanProcessor:
    """Return a batching processor, the lean one for OTLP; for what a person watches, one that shows spans at once."""
    if isinstance(span_exporter, ConsoleSpanExporter | TreeExporter):
        return SimpleSpanProcessor(span_exporter)
    if type(span_exporter) is OTLPSpanExporter:
        return BytesProcessor(span_exporter)
    return BatchSpanProcessor(span_exporter)


def refuse(error: ConfigurationError) -> None:
    """End the process with one line; sitecustomize, which runs this, would turn SystemExit into a traceback."""
    print(f"spanloom: {error}", file=sys.stderr, flush=True)
    os._exit(BAD_CONFIGURATION)
