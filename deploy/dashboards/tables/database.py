"""Database: statements as the services see them, and their connection pools."""

from __future__ import annotations

from dashboards.model import Dashboard, Panel, Query, Row, Unit, Variable
from dashboards.promql import SERVICE, quantile, rate, ratio, series, total
from dashboards.tables.links import LOGS, TRACES

STATEMENT = "db_client_operation_duration_seconds"
POOL = "db_client_connection"
OPERATION = "service_name, db_operation_name, db_collection_name"
OPERATION_LEGEND = "{{service_name}} {{db_operation_name}} {{db_collection_name}}"
OF_POOL = "k8s_namespace_name, service_name, service_instance_id, db_client_connection_pool_name"
POOL_LEGEND = "{{service_name}} {{db_client_connection_pool_name}} {{service_instance_id}}"
USED = 'db_client_connection_state="used"'
VARIABLES = (
    Variable("namespace", "k8s_namespace_name", f"{STATEMENT}_count"),
    Variable("service", "service_name", f'{STATEMENT}_count{{k8s_namespace_name=~"$namespace"}}'),
)

STATEMENTS = Row(
    "Statements",
    (
        Panel(
            "Rate",
            Unit.OPERATIONS,
            (Query(total(OPERATION, rate(f"{STATEMENT}_count", SERVICE)), OPERATION_LEGEND),),
            "Much higher than the rate of requests: look for a loop that sends one statement per row.",
            links=(TRACES,),
        ),
        Panel(
            "Failed statements",
            Unit.RATIO,
            (Query(ratio(f"{STATEMENT}_count", 'error_type!=""', OPERATION, SERVICE), OPERATION_LEGEND),),
            thresholds=(0.01, 0.05),
            links=(TRACES, LOGS),
        ),
        Panel(
            "Duration, 95th percentile",
            Unit.SECONDS,
            (Query(quantile(0.95, STATEMENT, OPERATION, SERVICE), OPERATION_LEGEND, exemplars=True),),
            "Each point is an exemplar: a statement, with a link to its trace.",
            thresholds=(0.1, 0.5),
            links=(TRACES,),
        ),
    ),
)
POOLS = Row(
    "Connection pools",
    (
        Panel(
            "Connections",
            Unit.NUMBER,
            (
                Query(
                    total("service_name, db_client_connection_state", series(f"{POOL}_count", SERVICE)),
                    "{{service_name}} {{db_client_connection_state}}",
                ),
                Query(total("service_name", series(f"{POOL}_max", SERVICE)), "{{service_name}} maximum"),
            ),
        ),
        Panel(
            "Used connections",
            Unit.RATIO,
            (
                Query(
                    f"{total(OF_POOL, series(f'{POOL}_count', f'{SERVICE},{USED}'))}"
                    f" / {total(OF_POOL, series(f'{POOL}_max', SERVICE))}",
                    POOL_LEGEND,
                ),
            ),
            "Share of the maximum, of each process. At 100 % the next request waits for a connection.",
            thresholds=(0.8, 1),
            links=(TRACES, LOGS),
        ),
        Panel(
            "Wait for a connection, 95th percentile",
            Unit.SECONDS,
            (Query(quantile(0.95, f"{POOL}_wait_time_seconds", "service_name", SERVICE), "{{service_name}}"),),
            thresholds=(0.1, 1),
            links=(TRACES,),
        ),
        Panel(
            "Timeouts",
            Unit.OPERATIONS,
            (
                Query(
                    f"{total('', rate(f'{POOL}_timeouts_total', SERVICE))} or vector(0)",
                    "no connection within the timeout",
                ),
            ),
            width=12,
            thresholds=(0.001,),
            links=(LOGS,),
        ),
        Panel(
            "Use of a connection, 95th percentile",
            Unit.SECONDS,
            (Query(quantile(0.95, f"{POOL}_use_time_seconds", "service_name", SERVICE), "{{service_name}}"),),
            "From taking a connection until its return: long if a transaction spans slow work.",
            width=12,
            links=(TRACES,),
        ),
    ),
)
DASHBOARD = Dashboard(
    "spanloom-database",
    "Database and connection pools",
    "Statements as the services see them, and the connection pools of their processes.",
    VARIABLES,
    (STATEMENTS, POOLS),
)
