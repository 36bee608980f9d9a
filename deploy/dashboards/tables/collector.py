"""Collector: what it receives and sends, its queue on disk, and what it refused or lost.

Names as otelcol 0.155 has them in the text format of Prometheus: its counters have no suffix `_total`.
"""

from __future__ import annotations

from dashboards.model import Dashboard, Panel, Query, Row, Unit, Variable
from dashboards.promql import rate, total

INSTANCE = 'instance=~"$instance"'
SIGNALS = {"spans": "spans", "metric_points": "metric points", "log_records": "log records"}
FULL = "otelcol_exporter_queue_size / otelcol_exporter_queue_capacity"


def _signals(metric: str, verb: str, *, always: bool = False) -> tuple[Query, ...]:
    """Return the rate of a counter for each signal; 0 where it never counted, unless it `always` does."""
    rates = {name: total("", rate(f"{metric}_{signal}", INSTANCE)) for signal, name in SIGNALS.items()}
    return tuple(Query(expr if always else f"{expr} or vector(0)", f"{name} {verb}") for name, expr in rates.items())


FLOW = Row(
    "Telemetry",
    (
        Panel("Received", Unit.OPERATIONS, _signals("otelcol_receiver_accepted", "received")),
        Panel("Sent", Unit.OPERATIONS, _signals("otelcol_exporter_sent", "sent")),
        Panel(
            "Refused",
            Unit.OPERATIONS,
            _signals("otelcol_receiver_refused", "refused"),
            "Refused at the door: the memory limit is reached, or a queue is full. Senders try again for a while.",
            thresholds=(0.001,),
        ),
    ),
)
QUEUE = Row(
    "Queue on disk",
    (
        Panel(
            "Used",
            Unit.RATIO,
            (
                Query(
                    'otelcol_exporter_queue_size{instance=~"$instance"}'
                    ' / otelcol_exporter_queue_capacity{instance=~"$instance"}',
                    "{{exporter}} {{data_type}} {{instance}}",
                ),
            ),
            "A queue that fills has a backend that is down or slow. A full queue blocks senders.",
            thresholds=(0.5, 0.9),
        ),
        Panel(
            "Size",
            Unit.BYTES,
            (
                Query(
                    'otelcol_exporter_queue_size{instance=~"$instance"}',
                    "{{exporter}} {{data_type}} {{instance}}",
                ),
            ),
        ),
        Panel(
            "Lost",
            Unit.OPERATIONS,
            (
                *_signals("otelcol_exporter_send_failed", "not sent"),
                *_signals("otelcol_exporter_enqueue_failed", "not queued"),
            ),
            "The backend refused it for ever, or the queue was full: this telemetry is lost.",
            thresholds=(0.001,),
        ),
    ),
)
PROCESS = Row(
    "Process",
    (
        Panel(
            "Memory",
            Unit.BYTES,
            (Query('otelcol_process_memory_rss{instance=~"$instance"}', "{{instance}}"),),
            width=12,
        ),
        Panel(
            "CPU",
            Unit.NUMBER,
            (Query(rate("otelcol_process_cpu_seconds", INSTANCE), "{{instance}}"),),
            "Cores.",
            width=12,
        ),
    ),
)
DASHBOARD = Dashboard(
    "spanloom-collector",
    "Collector",
    "What the Collector receives and sends, its queue on disk, and what it refused or lost.",
    (Variable("instance", "instance", "otelcol_process_uptime"),),
    (FLOW, QUEUE, PROCESS),
)
