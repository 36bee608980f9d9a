"""Spans, metrics and logs, their context and their export by OTLP: the standard library only.

The distribution and the agent stand on it; nothing here imports OpenTelemetry's packages. Python 3.9 and later.
"""
