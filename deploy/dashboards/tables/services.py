"""Service overview: rate, errors and duration by route, calls to other services, and the Python runtime."""

from __future__ import annotations

from dashboards.model import Dashboard, Panel, Query, Row, Unit, Variable
from dashboards.promql import SERVICE, quantile, rate, ratio, total
from dashboards.tables.links import LOGS, ROUTE_TRACES, TRACES

SERVER = "http_server_request_duration_seconds"
SERVER_ERROR = 'http_response_status_code=~"5.."'
ROUTE = "service_name, http_request_method, http_route"
ROUTE_LEGEND = "{{service_name}} {{http_request_method}} {{http_route}}"
SPANS = "traces_span_metrics"
CALL, CALL_LEGEND = "service_name, span_name", "{{service_name}} {{span_name}}"
OUTGOING = f'{SERVICE},span_kind="SPAN_KIND_CLIENT",db_system_name=""'
FROM_SPANS = "From spans, before any sampling in the Collector."
LOOP, COLLECTION = "asyncio_eventloop_delay_seconds", "cpython_gc_duration_seconds"
VARIABLES = (
    Variable("namespace", "k8s_namespace_name", f"{SERVER}_count"),
    Variable("service", "service_name", f'{SERVER}_count{{k8s_namespace_name=~"$namespace"}}'),
)

SUMMARY = Row(
    "Now",
    (
        Panel(
            "Requests",
            Unit.REQUESTS,
            (Query(total("", rate(f"{SERVER}_count", SERVICE)), "requests"),),
            stat=True,
        ),
        Panel(
            "Failed requests",
            Unit.RATIO,
            (Query(ratio(f"{SERVER}_count", SERVER_ERROR, "", SERVICE), "status 5xx"),),
            "Share of requests with a status code from 500 to 599.",
            stat=True,
            thresholds=(0.01, 0.05),
        ),
        Panel(
            "Duration, 95th percentile",
            Unit.SECONDS,
            (Query(quantile(0.95, SERVER, "", SERVICE), "p95"),),
            stat=True,
            thresholds=(0.5, 1),
        ),
    ),
)
ROUTES = Row(
    "Requests by route",
    (
        Panel(
            "Rate",
            Unit.REQUESTS,
            (Query(total(ROUTE, rate(f"{SERVER}_count", SERVICE)), ROUTE_LEGEND),),
            links=(ROUTE_TRACES, LOGS),
        ),
        Panel(
            "Failed requests",
            Unit.RATIO,
            (Query(ratio(f"{SERVER}_count", SERVER_ERROR, ROUTE, SERVICE), ROUTE_LEGEND),),
            "Share of requests with a status code from 500 to 599.",
            thresholds=(0.01, 0.05),
            links=(ROUTE_TRACES, LOGS),
        ),
        Panel(
            "Duration, 95th percentile",
            Unit.SECONDS,
            (Query(quantile(0.95, SERVER, ROUTE, SERVICE), ROUTE_LEGEND, exemplars=True),),
            "Each point is an exemplar: a request, with a link to its trace.",
            thresholds=(0.5, 1),
            links=(ROUTE_TRACES, LOGS),
        ),
        Panel(
            "Duration, median",
            Unit.SECONDS,
            (Query(quantile(0.5, SERVER, ROUTE, SERVICE), ROUTE_LEGEND),),
            links=(ROUTE_TRACES,),
        ),
        Panel(
            "Status codes",
            Unit.REQUESTS,
            (
                Query(
                    total("service_name, http_response_status_code", rate(f"{SERVER}_count", SERVICE)),
                    "{{service_name}} {{http_response_status_code}}",
                ),
            ),
            links=(TRACES, LOGS),
        ),
        Panel(
            "Slowest spans, 95th percentile",
            Unit.SECONDS,
            (
                Query(
                    f"topk(10, {quantile(0.95, f'{SPANS}_duration_seconds', CALL, SERVICE)})",
                    CALL_LEGEND,
                ),
            ),
            f"Functions and SQL statements, too. {FROM_SPANS}",
            links=(TRACES,),
        ),
    ),
)
CALLS = Row(
    "Calls to other services",
    (
        Panel(
            "Rate",
            Unit.REQUESTS,
            (Query(total(CALL, rate(f"{SPANS}_calls_total", OUTGOING)), CALL_LEGEND),),
            FROM_SPANS,
            links=(TRACES,),
        ),
        Panel(
            "Failed calls",
            Unit.RATIO,
            (Query(ratio(f"{SPANS}_calls_total", 'status_code="STATUS_CODE_ERROR"', CALL, OUTGOING), CALL_LEGEND),),
            f"Share of calls with an exception or a status code from 400 on. {FROM_SPANS}",
            thresholds=(0.01, 0.05),
            links=(TRACES, LOGS),
        ),
        Panel(
            "Duration, 95th percentile",
            Unit.SECONDS,
            (Query(quantile(0.95, f"{SPANS}_duration_seconds", CALL, OUTGOING), CALL_LEGEND, exemplars=True),),
            FROM_SPANS,
            links=(TRACES,),
        ),
    ),
)
RUNTIME = Row(
    "Python runtime",
    (
        Panel(
            "Event loop delay, 99th percentile",
            Unit.SECONDS,
            (Query(quantile(0.99, LOOP, "service_name", SERVICE), "{{service_name}}"),),
            "How late the event loop runs what is due: code that blocks it delays every request of the process.",
            12,
            thresholds=(0.1, 0.25),
            links=(TRACES,),
        ),
        Panel(
            "Time in the garbage collector",
            Unit.RATIO,
            (
                Query(
                    total("service_name, cpython_gc_generation", rate(f"{COLLECTION}_sum", SERVICE)),
                    "{{service_name}} generation {{cpython_gc_generation}}",
                ),
            ),
            "Seconds per second, of all processes of the service; collections of generation 0 are not measured.",
            12,
        ),
    ),
)
DASHBOARD = Dashboard(
    "spanloom-services",
    "Services",
    "Rate, errors and duration of every route, with exemplars; calls to other services; the Python runtime.",
    VARIABLES,
    (SUMMARY, ROUTES, CALLS, RUNTIME),
)
