"""Queues, one thread, and OTLP over HTTP."""
