"""Traces independent of their source: model and text representation."""
