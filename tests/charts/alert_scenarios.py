"""Causes of every alert, as the series that Prometheus would store before, during and after each."""

from __future__ import annotations

from dataclasses import dataclass

from dashboards.model import Severity
from dashboards.tables.objective import BUDGET, BURNS

SHOP = {"k8s_namespace_name": "demo", "service_name": "shop"}
POOL = {**SHOP, "service_instance_id": "1", "db_client_connection_pool_name": "shop"}
COLLECTOR, OPERATOR = {"instance": "collector:8888"}, {"instance": "operator:9090"}
QUEUE = {**COLLECTOR, "exporter": "otlp_grpc/traces"}
BACKEND = {**COLLECTOR, "exporter": "otlp_http/logs", "server_address": "logs"}


@dataclass(frozen=True)
class Scenario:
    """Series in promtool's notation, with a value every `step` minutes; `fires` and `clears` are minutes.

    `labels` are those of the alert while it fires, without `severity`.
    """

    alert: str
    severity: Severity
    series: dict[str, str]
    labels: dict[str, str]
    summary: str
    fires: int
    clears: int
    step: int = 1


def labelled(metric: str, **labels: str) -> str:
    """Return a series in the notation of Prometheus."""
    matchers = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return f"{metric}{{{matchers}}}"


def requests(code: str, values: str) -> dict[str, str]:
    """Return the counter of the requests of a service with a status code."""
    name = "http_server_request_duration_seconds_count"
    return {labelled(name, **SHOP, http_response_status_code=code): values}


def buckets(metric: str, bound: float, values: str, after: str) -> dict[str, str]:
    """Return a histogram whose values are all in one bucket: up to `bound` first, then up to 0.01."""
    return {
        labelled(f"{metric}_bucket", **SHOP, le="0.01"): after,
        labelled(f"{metric}_bucket", **SHOP, le=f"{bound:g}"): values,
        labelled(f"{metric}_bucket", **SHOP, le="+Inf"): values,
    }


TOTAL = 10_000
BURNING = {"1h": (65, 72, 1), "6h": (365, 400, 1), "1d": (1450, 1600, 10), "3d": (4350, 4800, 30)}
"""By long window: minutes when it is full of failures, and when the short one is clean but not the long one; a step."""


def _burning(long: str, factor: float, severity: Severity) -> Scenario:
    """Return requests of which a little more fail than a burn rate allows, until the long window is full of them."""
    fires, clears, step = BURNING[long]
    failing = round(TOTAL * 1.2 * factor * float(BUDGET))
    series = requests("200", f"0+{TOTAL - failing}x{clears // step}")
    series |= requests("500", f"0+{failing}x{fires // step} {failing * (fires // step)}x{(clears - fires) // step}")
    summary = (
        f"shop fails {100 * failing / TOTAL:.4g}% of its requests over {long}, "
        f"more than {factor:g} times what its objective allows"
    )
    return Scenario("RequestErrorBudgetBurn", severity, series, {**SHOP, "window": long}, summary, fires, clears, step)


SCENARIOS = (
    *(_burning(burn.long, burn.factor, burn.severity) for burn in BURNS),
    Scenario(
        "HighRequestErrorRate",
        Severity.PAGE,
        requests("200", "0+900x30") | requests("503", "0+100x12 1200x18"),
        SHOP,
        "shop fails 10% of its requests",
        fires=12,
        clears=20,
    ),
    Scenario(
        "HighRequestLatency",
        Severity.PAGE,
        buckets("http_server_request_duration_seconds", 2, "0+100x40", "0x12 0+100x28"),
        SHOP,
        "5 % of the requests of shop take longer than 1.9s",
        fires=12,
        clears=20,
    ),
    Scenario(
        "DatabasePoolExhausted",
        Severity.PAGE,
        {
            labelled("db_client_connection_count", **POOL, db_client_connection_state="used"): "3x4 15x8 3x10",
            labelled("db_client_connection_count", **POOL, db_client_connection_state="idle"): "5x4 0x8 5x10",
            labelled("db_client_connection_max", **POOL): "15x25",
        },
        POOL,
        "shop uses every connection of its pool shop",
        fires=10,
        clears=15,
    ),
    Scenario(
        "DatabasePoolExhausted",
        Severity.PAGE,
        {labelled("db_client_connection_timeouts_total", **POOL): "_x4 3+3x8 30x12"},
        POOL,
        "shop uses every connection of its pool shop",
        fires=10,
        clears=22,
    ),
    Scenario(
        "EventLoopBlocked",
        Severity.PAGE,
        buckets("asyncio_eventloop_delay_seconds", 1, "0+100x40", "0x12 0+100x28"),
        SHOP,
        "the event loop of shop runs 990.1ms late",
        fires=10,
        clears=20,
    ),
    Scenario(
        "SpansDropped",
        Severity.TICKET,
        {labelled("otelcol_exporter_send_failed_spans", **BACKEND): "0x4 12x40"},
        BACKEND,
        "the Collector collector:8888 refused or lost spans",
        fires=6,
        clears=22,
    ),
    Scenario(
        "SpansDropped",
        Severity.TICKET,
        {labelled("otelcol_receiver_refused_spans", **COLLECTOR, receiver="otlp"): "_x4 12x40"},
        {**COLLECTOR, "receiver": "otlp"},
        "the Collector collector:8888 refused or lost spans",
        fires=6,
        clears=22,
    ),
    Scenario(
        "SpansDropped",
        Severity.TICKET,
        {labelled("otelcol_exporter_enqueue_failed_spans", **QUEUE): "_x4 1+1x4 5x40"},
        QUEUE,
        "the Collector collector:8888 refused or lost spans",
        fires=6,
        clears=26,
    ),
    Scenario(
        "ExportQueueFilling",
        Severity.TICKET,
        {
            labelled("otelcol_exporter_queue_size", **QUEUE, data_type="traces"): "0x4 75x8 0x10",
            labelled("otelcol_exporter_queue_capacity", **QUEUE, data_type="traces"): "100x25",
        },
        {**QUEUE, "data_type": "traces"},
        "the queue of otlp_grpc/traces in the Collector collector:8888 is 75% full",
        fires=11,
        clears=15,
    ),
    Scenario(
        "OperatorWatchStale",
        Severity.TICKET,
        {labelled("spanloom_operator_watch_age_seconds", **OPERATOR): "20x4 400x4 5x10"},
        OPERATOR,
        "the operator operator:9090 has received nothing on a watch for 6m 40s",
        fires=7,
        clears=10,
    ),
    Scenario(
        "InjectionRolledBack",
        Severity.TICKET,
        {labelled("spanloom_operator_injections", **OPERATOR, state="RolledBack"): "0x4 2x4 0x10"},
        {**OPERATOR, "state": "RolledBack"},
        "the operator rolled back the injection of 2 workloads",
        fires=6,
        clears=10,
    ),
    Scenario(
        "CertificateExpiring",
        Severity.TICKET,
        {
            labelled("spanloom_operator_certificate_expiry_timestamp_seconds", **OPERATOR, endpoint="c:4318"): (
                "865200x20 7776000x20"
            )
        },
        {**OPERATOR, "endpoint": "c:4318"},
        "the certificate of c:4318 ends in 10d 0h 0m 0s",
        fires=20,
        clears=25,
    ),
)
"""At least one for each alert; a counter that is new (`_`: no value yet) is a cause of its own."""
