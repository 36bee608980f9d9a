"""Traces as people see them, from any source."""
