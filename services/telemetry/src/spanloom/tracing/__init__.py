"""Spans through OpenTelemetry's API: context, attributes, `@instrument`, errors, redaction.

Nothing here imports the SDK.
"""
