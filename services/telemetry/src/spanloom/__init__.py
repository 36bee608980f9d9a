"""Spanloom: a distribution of OpenTelemetry for Python services.

Run a service under `opentelemetry-instrument` with `OTEL_PYTHON_DISTRO=spanloom`; decorate functions with
`@instrument`. No other telemetry code is needed in the application.
"""

from spanloom.api.context import adopt_api
from spanloom.api.instruments import serve_api_metrics
from spanloom.api.tracers import serve_api
from spanloom.tracing.instrument import instrument

adopt_api()
serve_api()
serve_api_metrics()

__all__ = ["instrument"]
