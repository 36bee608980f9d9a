"""Kubernetes view of a workload: the pods of a Deployment compared with each other."""

from __future__ import annotations

from dashboards.model import Dashboard, Panel, Query, Row, Unit, Variable
from dashboards.promql import WORKLOAD, quantile, rate, ratio, series, total
from dashboards.tables.database import POOL, USED
from dashboards.tables.links import LOGS, TRACES
from dashboards.tables.services import COLLECTION, LOOP, SERVER, SERVER_ERROR

POD = "k8s_namespace_name, k8s_pod_name, service_name"
LEGEND = "{{k8s_pod_name}}"
VARIABLES = (
    Variable("namespace", "k8s_namespace_name", f"{SERVER}_count"),
    Variable("deployment", "k8s_deployment_name", f'{SERVER}_count{{k8s_namespace_name=~"$namespace"}}'),
)

PODS = Row(
    "Pods",
    (
        Panel(
            "Pods that send metrics",
            Unit.NUMBER,
            (
                Query(
                    "count by (k8s_deployment_name, service_version) "
                    f"(count by ({POD}, k8s_deployment_name, service_version) ({series(f'{SERVER}_count', WORKLOAD)}))",
                    "{{k8s_deployment_name}} {{service_version}}",
                ),
            ),
            "By version: during a rollout, the old and the new one.",
        ),
        Panel(
            "Requests by pod",
            Unit.REQUESTS,
            (Query(total(POD, rate(f"{SERVER}_count", WORKLOAD)), LEGEND),),
            links=(TRACES, LOGS),
        ),
        Panel(
            "Failed requests by pod",
            Unit.RATIO,
            (Query(ratio(f"{SERVER}_count", SERVER_ERROR, POD, WORKLOAD), LEGEND),),
            "Share of requests with a status code from 500 to 599.",
            thresholds=(0.01, 0.05),
            links=(TRACES, LOGS),
        ),
    ),
)
PROCESSES = Row(
    "Processes",
    (
        Panel(
            "Duration by pod, 95th percentile",
            Unit.SECONDS,
            (Query(quantile(0.95, SERVER, POD, WORKLOAD), LEGEND, exemplars=True),),
            thresholds=(0.5, 1),
            links=(TRACES,),
        ),
        Panel(
            "Event loop delay by pod, 99th percentile",
            Unit.SECONDS,
            (Query(quantile(0.99, LOOP, POD, WORKLOAD), LEGEND),),
            thresholds=(0.1, 0.25),
            links=(TRACES,),
        ),
        Panel(
            "Time in the garbage collector by pod",
            Unit.RATIO,
            (Query(total(POD, rate(f"{COLLECTION}_sum", WORKLOAD)), LEGEND),),
            "Seconds per second.",
        ),
        Panel(
            "Connections in use by pod",
            Unit.NUMBER,
            (Query(total(POD, series(f"{POOL}_count", f"{WORKLOAD},{USED}")), LEGEND),),
            width=24,
            links=(TRACES,),
        ),
    ),
)
DASHBOARD = Dashboard(
    "spanloom-workload",
    "Workload on Kubernetes",
    "The pods of a Deployment compared with each other: one that is slower, fails more, or runs another version.",
    VARIABLES,
    (PODS, PROCESSES),
)
