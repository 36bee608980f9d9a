"""What the instrumentations get from the SDK: histograms with cached aggregations, exported logs, the final flush."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from spanloom.instrumentation.base import Options
from spanloom.sdk.self_check import fast_path
from spanloom.sdk.shutdown import Shutdown

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from spanloom.settings import Settings


def instrumentation_options(settings: Settings) -> Options:
    """Return the options of the instrumentations; the flush is installed for this process."""
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318")
    shutdown = Shutdown(settings.flush_timeout, endpoint)
    shutdown.install()
    return Options(settings, fast_path().histogram, shutdown.flush, _log_emitter(settings))


def _log_emitter(settings: Settings) -> Callable[[logging.LogRecord], None] | None:
    if not settings.exports_logs:
        return None
    from spanloom.sdk.log_export import log_emitter  # noqa: PLC0415 only where logs are exported

    return log_emitter(locates=settings.locates_logs)
