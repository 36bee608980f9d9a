"""Paths of probes and metric scrapes: their requests get no span, no measurement and no access log line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from spanloom.settings.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

# Endpoint names of the Kubernetes documentation, and of Prometheus.
DEFAULT = "^/healthz$,^/livez$,^/readyz$,^/metrics$"
KEYS = ("OTEL_PYTHON_FASTAPI_EXCLUDED_URLS", "OTEL_PYTHON_EXCLUDED_URLS")


def excluded_paths(environ: Mapping[str, str]) -> re.Pattern[str]:
    """Return the pattern to `search` in a request path, from OpenTelemetry's variables for excluded URLs.

    Each variable contains regular expressions separated by commas; SettingsError names one that does not compile.
    """
    key = next((key for key in KEYS if key in environ), KEYS[-1])
    patterns = [part.strip() for part in environ.get(key, DEFAULT).split(",") if part.strip()]
    for pattern in patterns:
        _compile(key, pattern)
    return re.compile("|".join(patterns) or r"(?!)")  # (?!) matches nothing


def _compile(key: str, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise SettingsError(key, pattern, f"a regular expression ({error})") from None
