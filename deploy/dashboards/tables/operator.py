"""Operator: what it looks after, what it decided, and its contact with the API server."""

from __future__ import annotations

from dashboards.model import Dashboard, Panel, Query, Row, Unit, Variable
from dashboards.promql import rate, series, total

INSTANCE = 'instance=~"$instance"'
PREFIX = "spanloom_operator"

WORKLOADS = Row(
    "Workloads",
    (
        Panel(
            "Ready",
            Unit.NUMBER,
            (Query(series(f"{PREFIX}_ready", INSTANCE), "{{instance}}"),),
            "1 once everything is listed and the watches have begun; 0 while another installation is in charge.",
            stat=True,
        ),
        Panel(
            "Workloads by kind",
            Unit.NUMBER,
            (Query(total("kind", series(f"{PREFIX}_workloads", INSTANCE)), "{{kind}}"),),
        ),
        Panel(
            "Workloads by state",
            Unit.NUMBER,
            (Query(total("state", series(f"{PREFIX}_injections", INSTANCE)), "{{state}}"),),
            "States of the OtelInjections; RolledBack and Conflict need someone to look.",
        ),
    ),
)
DECISIONS = Row(
    "Decisions",
    (
        Panel(
            "Events",
            Unit.OPERATIONS,
            (Query(f"{total('outcome', rate(f'{PREFIX}_outcomes_total', INSTANCE))} or vector(0)", "{{outcome}}"),),
        ),
        Panel(
            "Writes",
            Unit.OPERATIONS,
            (Query(f"{total('result', rate(f'{PREFIX}_writes_total', INSTANCE))} or vector(0)", "{{result}}"),),
            "`applied`, or the status code with which the API server refused the write.",
        ),
        Panel(
            "Variables that were not injected",
            Unit.OPERATIONS,
            (Query(f"{total('reason', rate(f'{PREFIX}_left_out_total', INSTANCE))} or vector(0)", "{{reason}}"),),
        ),
    ),
)
CONTACT = Row(
    "Contact",
    (
        Panel(
            "Age of the oldest watch",
            Unit.SECONDS,
            (Query(series(f"{PREFIX}_watch_age_seconds", INSTANCE), "{{instance}}"),),
            "Time since the API server last sent something on the watch that waits longest.",
            width=12,
            thresholds=(240, 300),
        ),
        Panel(
            "Certificates valid for",
            Unit.SECONDS,
            (
                Query(
                    f"{series(f'{PREFIX}_certificate_expiry_timestamp_seconds', INSTANCE)} - time()",
                    "{{endpoint}}",
                    empty_until="an OtelProfile names an https endpoint",
                ),
            ),
            "Certificates of the endpoints to which OtelProfiles send telemetry.",
            width=12,
        ),
    ),
)
DASHBOARD = Dashboard(
    "spanloom-operator",
    "Operator",
    "What the operator looks after, what it decided, and its contact with the API server.",
    (Variable("instance", "instance", f"{PREFIX}_ready"),),
    (WORKLOADS, DECISIONS, CONTACT),
)
