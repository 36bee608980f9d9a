"""SDK-dependent parts of the instrumentations: cached histograms, log export, final flush."""

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
    """Return the options of the instrumentations, and install the final flush in this process."""
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318")
    shutdown = Shutdown(settings.flush_timeout_seconds, endpoint)
    shutdown.install()
    return Options(settings, fast_path().histogram, shutdown.flush, _log_emitter(settings))


def _log_emitter(settings: Settings) -> Callable[[logging.LogRecord], None] | None:
    if not settings.has_log_export:
        return None
    from spanloom.sdk.log_export import log_emitter  # noqa: PLC0415 only if logs are exported

    return log_emitter(has_code_attributes=settings.has_code_attributes)
