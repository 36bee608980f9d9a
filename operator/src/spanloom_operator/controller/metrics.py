"""The operator's Prometheus metrics."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

EVENTS = Counter("spanloom_operator_outcomes", "Events emitted for workloads and OtelProfiles, by reason", ["outcome"])
SKIPPED = Counter("spanloom_operator_left_out", "Variables not injected, by reason", ["reason"])
WRITES = Counter(
    "spanloom_operator_writes", "Writes of workloads, by result: applied, or the response's status", ["result"]
)
WATCHED = Gauge("spanloom_operator_workloads", "Workloads that the operator looks after, by kind", ["kind"])
READY = Gauge("spanloom_operator_ready", "1 once everything is listed and the watches have begun")
INJECTIONS = Gauge("spanloom_operator_injections", "Workloads by the state of their OtelInjection", ["state"])
WATCH_AGE = Gauge("spanloom_operator_watch_age_seconds", "Time without contact of the watch that waits longest")
CERTIFICATES = Gauge(
    "spanloom_operator_certificate_expiry_timestamp_seconds",
    "When the certificate ends that an endpoint of an OtelProfile presents, in seconds since the epoch",
    ["endpoint"],
)
