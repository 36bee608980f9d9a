"""Dashboards, alerts and recording rules of the stack: one table, written for Grafana, Perses and Prometheus."""
