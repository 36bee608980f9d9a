"""Histograms, counters and observed sums, and their OTLP bytes."""
