"""Spans through OpenTelemetry's API: context, attributes, `@instrument`, errors, redaction.

No module here imports the SDK.
"""
