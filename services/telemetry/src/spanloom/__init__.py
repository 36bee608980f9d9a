"""Spanloom: a distribution of OpenTelemetry for Python services.

Run a service under `opentelemetry-instrument` with `OTEL_PYTHON_DISTRO=spanloom`; decorate functions with
`@instrument`. Nothing else of the SDK is needed in application code.
"""

from spanloom.instrument import instrument

__all__ = ["instrument"]
