"""The alerts. Each has a section in docs/troubleshooting.md, and a test that causes and ends it."""

from __future__ import annotations

from dashboards.model import Alert, Group, Severity
from dashboards.promql import has_grown, quantile, total
from dashboards.tables.collector import FULL
from dashboards.tables.database import OF_POOL, POOL, USED
from dashboards.tables.objective import BURNS, Burn, burning, failed
from dashboards.tables.services import LOOP, SERVER

SERVICE = "k8s_namespace_name, service_name"
NAME = "{{ $labels.service_name }}"
DAY = 24 * 3600
DAYS_LEFT = 21
"""How long before a certificate ends to renew it: cert-manager does so after two thirds, 30 days before of 90."""
LOST = (
    "otelcol_receiver_refused_spans",
    "otelcol_exporter_enqueue_failed_spans",
    "otelcol_exporter_send_failed_spans",
)
EXPIRIES = (
    "spanloom_operator_certificate_expiry_timestamp_seconds",
    "certmanager_certificate_expiration_timestamp_seconds",
)

ABSENT_UNTIL = {
    "otelcol_exporter_enqueue_failed_spans": "a queue without `block_on_overflow` is full",
    "otelcol_exporter_send_failed_spans": "a backend refuses spans, or an exporter gives up",
    "db_client_connection_timeouts_total": "a request waits for a connection until its timeout",
    "spanloom_operator_certificate_expiry_timestamp_seconds": "an OtelProfile names an https endpoint",
    "certmanager_certificate_expiration_timestamp_seconds": "Prometheus scrapes cert-manager",
}
"""Metrics without series until this happens."""


def _burn_alert(burn: Burn) -> Alert:
    return Alert(
        "RequestErrorBudgetBurn",
        burning(burn),
        burn.severity,
        "2m",
        f"{NAME} fails {{{{ $value | humanizePercentage }}}} of its requests over {burn.long}, more than "
        f"{burn.factor:g} times what its objective allows",
        "requests-fail",
        burn.long,
    )


REQUESTS = (
    *map(_burn_alert, BURNS),
    Alert(
        "HighRequestErrorRate",
        f"{failed('5m')} > 0.05",
        Severity.PAGE,
        "5m",
        f"{NAME} fails {{{{ $value | humanizePercentage }}}} of its requests",
        "requests-fail",
    ),
    Alert(
        "HighRequestLatency",
        f"{quantile(0.95, SERVER, SERVICE, window='5m')} > 1",
        Severity.PAGE,
        "5m",
        f"5 % of the requests of {NAME} take longer than {{{{ $value | humanizeDuration }}}}",
        "requests-are-slow",
    ),
)
CAUSES = (
    Alert(
        "DatabasePoolExhausted",
        f"{total(OF_POOL, f'{POOL}_count{{{USED}}}')} >= {total(OF_POOL, f'{POOL}_max')}"
        f" or {has_grown(f'{POOL}_timeouts_total', '5m')}",
        Severity.PAGE,
        "2m",
        f"{NAME} uses every connection of its pool {{{{ $labels.db_client_connection_pool_name }}}}",
        "the-connection-pool-is-exhausted",
    ),
    Alert(
        "EventLoopBlocked",
        f"{quantile(0.99, LOOP, SERVICE, window='5m')} > 0.25",
        Severity.PAGE,
        "2m",
        f"the event loop of {NAME} runs {{{{ $value | humanizeDuration }}}} late",
        "the-event-loop-is-blocked",
    ),
)
TELEMETRY = (
    Alert(
        "SpansDropped",
        " or ".join(has_grown(metric, "15m") for metric in LOST),
        Severity.TICKET,
        "0s",
        "the Collector {{ $labels.instance }} refused or lost spans",
        "spans-are-dropped",
    ),
    Alert(
        "ExportQueueFilling",
        f"{FULL} > 0.5",
        Severity.TICKET,
        "5m",
        "the queue of {{ $labels.exporter }} in the Collector {{ $labels.instance }} is "
        "{{ $value | humanizePercentage }} full",
        "the-export-queue-fills",
    ),
)
OPERATOR = (
    Alert(
        "OperatorWatchStale",
        "spanloom_operator_watch_age_seconds > 300",
        Severity.TICKET,
        "1m",
        "the operator {{ $labels.instance }} has received nothing on a watch for {{ $value | humanizeDuration }}",
        "the-operators-watch-is-stale",
    ),
    Alert(
        "InjectionRolledBack",
        'spanloom_operator_injections{state="RolledBack"} > 0',
        Severity.TICKET,
        "0s",
        "the operator rolled back the injection of {{ $value }} workloads",
        "rolledback",
    ),
    Alert(
        "CertificateExpiring",
        f"({' or '.join(EXPIRIES)}) - time() < {DAYS_LEFT} * {DAY}",
        Severity.TICKET,
        "5m",
        "the certificate of {{ or $labels.endpoint $labels.name }} ends in {{ $value | humanizeDuration }}",
        "a-certificate-expires",
    ),
)
GROUPS = (
    Group("spanloom-requests", REQUESTS),
    Group("spanloom-causes", CAUSES),
    Group("spanloom-telemetry", TELEMETRY),
    Group("spanloom-operator", OPERATOR),
)
ALERTS = tuple(rule for group in GROUPS for rule in group.rules if isinstance(rule, Alert))
