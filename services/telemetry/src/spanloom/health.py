"""Requests that are nobody's: probes and scrapes make no trace, no metric and no log line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from spanloom.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

# Kubernetes' own names for these endpoints, and Prometheus'.
DEFAULT = "^/healthz$,^/livez$,^/readyz$,^/metrics$"
KEYS = ("OTEL_PYTHON_FASTAPI_EXCLUDED_URLS", "OTEL_PYTHON_EXCLUDED_URLS")


def quiet_paths(environ: Mapping[str, str]) -> re.Pattern[str]:
    """Return the pattern to `search` in a request's path, from the variables OpenTelemetry names for this.

    They hold regular expressions separated by commas; ConfigurationError names one that does not compile.
    """
    key = next((key for key in KEYS if key in environ), KEYS[-1])
    patterns = [part.strip() for part in environ.get(key, DEFAULT).split(",") if part.strip()]
    for pattern in patterns:
        _compiled(key, pattern)
    return re.compile("|".join(patterns) or r"(?!)")  # nothing excluded: match nothing


def _compiled(key: str, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ConfigurationError(key, pattern, f"a regular expression ({error})") from None
