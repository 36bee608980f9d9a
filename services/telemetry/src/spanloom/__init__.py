"""Spanloom: a distribution of OpenTelemetry for Python services.

Run a service under `opentelemetry-instrument` with `OTEL_PYTHON_DISTRO=spanloom`; decorate functions with
`@instrument`. Application code needs nothing else of the SDK.
"""

from spanloom.tracing.instrument import instrument

__all__ = ["instrument"]
