"""Histograms and their OTLP bytes."""
