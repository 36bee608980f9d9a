"""Spans: tracers, sampling, limits and their OTLP bytes."""
