"""Instrumentations, one file per library.

They use OpenTelemetry's API only; their failures do not affect the application (see tracing.guard).
"""
