"""Providers of the API that build the SDK's when they are asked for something: importing it takes a second.

The application's own metrics and log records need them; those of the hooks do not.
"""

from __future__ import annotations

from functools import cached_property
from threading import RLock, Thread
from typing import TYPE_CHECKING, Any

from opentelemetry import _logs, metrics

from spanloom.core.reports import report_dropped

if TYPE_CHECKING:
    from collections.abc import Callable


class Lazy:
    """Something of the SDK's that is built once, and flushed if it was."""

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build, self._lock, self.is_built = build, RLock(), False

    @cached_property
    def provider(self) -> Any:
        """The SDK's provider."""
        with self._lock:
            if not self.is_built:
                self._provider, self.is_built = self._build(), True
            return self._provider

    def flush(self, seconds: float) -> bool:
        """Flush within `seconds`, which the SDK's own functions do not guarantee."""
        if not self.is_built:
            return True
        results: list[object] = []
        thread = Thread(target=lambda: results.append(self.provider.force_flush()), daemon=True)
        try:
            thread.start()
        except RuntimeError:  # at exit, threads cannot be started (Python 3.12)
            return self.provider.force_flush() is not False
        thread.join(seconds)
        return bool(results) and results[0] is not False


class LazyMeterProvider(metrics.MeterProvider):
    """A MeterProvider that builds the SDK's for the first meter."""

    def __init__(self, lazy: Lazy) -> None:
        self._lazy = lazy

    def get_meter(self, *args: Any, **kwargs: Any) -> metrics.Meter:
        """Return a meter of the SDK."""
        try:
            meter: metrics.Meter = self._lazy.provider.get_meter(*args, **kwargs)
        except Exception as error:
            report_dropped("the measurements of a meter", error)
            return metrics.NoOpMeter("")
        return meter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lazy.provider, name)


class LazyLoggerProvider(_logs.LoggerProvider):
    """A LoggerProvider that builds the SDK's for the first logger."""

    def __init__(self, lazy: Lazy) -> None:
        self._lazy = lazy

    def get_logger(self, *args: Any, **kwargs: Any) -> _logs.Logger:
        """Return a logger of the SDK."""
        try:
            logger: _logs.Logger = self._lazy.provider.get_logger(*args, **kwargs)
        except Exception as error:
            report_dropped("the records of a logger", error)
            return _logs.NoOpLogger("")
        return logger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lazy.provider, name)
