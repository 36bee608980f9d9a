"""Spanloom: a distribution of OpenTelemetry for Python services.

Run a service under `opentelemetry-instrument` with `OTEL_PYTHON_DISTRO=spanloom`; decorate functions with
`@instrument`. No other telemetry code is needed in the application.
"""

from spanloom.tracing.instrument import instrument

__all__ = ["instrument"]
