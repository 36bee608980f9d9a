"""The operator's Prometheus metrics."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

EVENTS = Counter(
    "spanloom_operator_outcomes", "Events emitted for Deployments and OtelProfiles, by reason", ["outcome"]
)
SKIPPED = Counter("spanloom_operator_left_out", "Variables not injected, by reason", ["reason"])
WRITES = Counter(
    "spanloom_operator_writes", "Writes of Deployments, by result: applied, or the response's status", ["result"]
)
WATCHED = Gauge("spanloom_operator_deployments", "Deployments that the operator looks after")
READY = Gauge("spanloom_operator_ready", "1 once everything is listed and the watches have begun")
