"""Suites that need a cluster."""
