"""The service level objective, and its burn rates over several windows.

99.9 % of the requests of a service within 30 days do not fail (status code below 500). Windows and burn rates are those
of the Site Reliability Workbook, chapter 5, table 5-8: https://sre.google/workbook/alerting-on-slos/
"""

from __future__ import annotations

from dataclasses import dataclass

from dashboards.model import Dashboard, Group, Panel, Query, Recording, Row, Severity, Unit, Variable
from dashboards.promql import ratio
from dashboards.tables.links import LOGS, TRACES
from dashboards.tables.services import SERVER, SERVER_ERROR

OBJECTIVE = 0.999
BUDGET = "0.001"
"""Share of the requests that may fail: 1 - OBJECTIVE, written without a rounding error."""
PERIOD = "30d"
SERVICE = "k8s_namespace_name, service_name"


@dataclass(frozen=True)
class Burn:
    """Alert while the budget burns `factor` times too fast over the long and over the short window.

    The short window, a twelfth of the long one, lets the alert end soon after its cause.
    """

    factor: float
    long: str
    short: str
    severity: Severity


BURNS = (
    Burn(14.4, "1h", "5m", Severity.PAGE),
    Burn(6, "6h", "30m", Severity.PAGE),
    Burn(3, "1d", "2h", Severity.TICKET),
    Burn(1, "3d", "6h", Severity.TICKET),
)
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


def failed(window: str) -> str:
    """Return the name of the recorded share of failed requests by service over a window."""
    return f"service:http_server_requests_failed:ratio_rate{window}"


def burning(burn: Burn) -> str:
    """Return the expression of one pair of windows."""
    limit = f"{burn.factor:g} * {BUDGET}"
    return f"{failed(burn.long)} > {limit} and {failed(burn.short)} > {limit}"


def _recording(window: str) -> Recording:
    return Recording(failed(window), ratio(f"{SERVER}_count", SERVER_ERROR, SERVICE, window=window))


RECORDINGS = (
    Group("spanloom-failed-requests", tuple(map(_recording, WINDOWS))),
    Group("spanloom-failed-requests-of-the-period", (_recording(PERIOD),), "1m"),
)

_SELECTED = '{k8s_namespace_name=~"$namespace",service_name=~"$service"}'
BUDGETS = Row(
    "Error budget",
    (
        Panel(
            "Budget left",
            Unit.RATIO,
            (Query(f"1 - {failed(PERIOD)}{_SELECTED} / {BUDGET}", "{{service_name}}"),),
            f"Of the requests that may fail within {PERIOD} at an objective of {OBJECTIVE:.1%}; below 0 it is missed.",
            12,
            stat=True,
        ),
        Panel(
            "Failed requests",
            Unit.RATIO,
            tuple(
                Query(f"{failed(window)}{_SELECTED}", f"{{{{service_name}}}} over {window}") for window in ("5m", "1h")
            ),
            "Share of requests with a status code from 500 to 599.",
            12,
            links=(TRACES, LOGS),
        ),
    ),
)


def _burn_panel(burn: Burn) -> Panel:
    return Panel(
        f"Burn rate over {burn.long} and {burn.short}",
        Unit.NUMBER,
        tuple(
            Query(f"{failed(window)}{_SELECTED} / {BUDGET}", f"{{{{service_name}}}} over {window}")
            for window in (burn.long, burn.short)
        ),
        f"Both above {burn.factor:g}: RequestErrorBudgetBurn ({burn.severity.value}).",
        12,
        thresholds=(burn.factor,),
        links=(TRACES, LOGS),
    )


DASHBOARD = Dashboard(
    "spanloom-objective",
    "Service level objective",
    f"{OBJECTIVE:.1%} of the requests of a service do not fail within {PERIOD}: the budget, and how fast it burns.",
    (
        Variable("namespace", "k8s_namespace_name", failed("5m")),
        Variable("service", "service_name", f'{failed("5m")}{{k8s_namespace_name=~"$namespace"}}'),
    ),
    (BUDGETS, Row("Burn rates", tuple(map(_burn_panel, BURNS)))),
)
