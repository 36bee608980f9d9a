"""Data sources, and the links from a series to its traces and log lines."""

from __future__ import annotations

from dashboards.model import Link

PROMETHEUS, JAEGER, VICTORIA_LOGS = "prometheus", "jaeger", "victoria-logs"
"""The uids of the data sources in Grafana; PROMETHEUS is its name in Perses, too."""

TRACES = Link(
    "Traces of this service",
    JAEGER,
    {"queryType": "search", "service": "${__field.labels.service_name}"},
)
ROUTE_TRACES = Link(
    "Traces of this route",
    JAEGER,
    {
        "queryType": "search",
        "service": "${__field.labels.service_name}",
        "operation": "${__field.labels.http_request_method} ${__field.labels.http_route}",
    },
)
LOGS = Link(
    "Log lines of this service",
    VICTORIA_LOGS,
    {"queryType": "instant", "expr": '"service.name":="${__field.labels.service_name}"'},
)
