"""Other agents that trace this process; the agent withdraws in favour of each of them."""

from __future__ import annotations

import sys
from typing import Any

# Who imports one of these has chosen it; that it is switched off cannot be seen in all their versions.
IMPORTED = {"ddtrace": "ddtrace", "newrelic.agent": "New Relic", "elasticapm": "Elastic APM", "scout_apm": "Scout APM"}


def other_agent() -> str:
    """Return the name of what traces this process already, "" for nothing."""
    imported = (name for module, name in IMPORTED.items() if module in sys.modules)
    return next(imported, "") or _sentry() or _opentelemetry()


def _sentry() -> str:
    """Return a name if Sentry's tracing is on, in its versions 1 and 2."""
    module: Any = sys.modules.get("sentry_sdk")
    if module is None:
        return ""
    client = module.get_client() if hasattr(module, "get_client") else module.Hub.current.client
    options = getattr(client, "options", None) or {}
    is_on = options.get("traces_sample_rate") is not None or options.get("traces_sampler") is not None
    return "Sentry's tracing" if is_on else ""


def _opentelemetry() -> str:
    """Return a name if the application has configured a TracerProvider of OpenTelemetry."""
    module: Any = sys.modules.get("opentelemetry.trace")
    if module is None or not hasattr(module, "get_tracer_provider"):
        return ""
    kind = type(module.get_tracer_provider())
    is_own = kind.__name__ in ("ProxyTracerProvider", "DefaultTracerProvider", "ApiTracerProvider")
    return "" if is_own else f"{kind.__module__}.{kind.__name__}"
