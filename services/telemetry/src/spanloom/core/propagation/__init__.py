"""Trace context and baggage in headers."""
