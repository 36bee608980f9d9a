"""Dashboards as Grafana's JSON, by the builders of grafana-foundation-sdk."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableOption,
    VariableRefresh,
)

from dashboards.tables.links import PROMETHEUS

if TYPE_CHECKING:
    from dashboards.model import Dashboard, Link, Panel, Query, Variable

TAG = "spanloom"
MIN_STEP = "1m"
"""Services export metrics every minute (OTEL_METRIC_EXPORT_INTERVAL): Grafana makes windows of four steps from it."""
COLORS = ("green", "orange", "red")
HEIGHT, STAT_HEIGHT = 9, 4
SOURCE = DataSourceRef(type_val="prometheus", uid=PROMETHEUS)


def to_json(table: Dashboard) -> str:
    """Return a dashboard as the text of a file that Grafana imports."""
    return json.dumps(build(table).build(), cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def build(table: Dashboard) -> dashboard.Dashboard:
    """Return the builder of a dashboard."""
    page = dashboard.Dashboard(table.title).uid(table.uid).description(table.description).tags([TAG])
    page = page.time("now-1h", "now").refresh("1m").tooltip(DashboardCursorSync.CROSSHAIR).editable()
    page = page.link(_other_dashboards())
    for variable in table.variables:
        page = page.with_variable(_variable(variable))
    for row in table.rows:
        page = page.with_row(dashboard.Row(row.title))
        for panel in row.panels:
            page = page.with_panel(_panel(panel))
    return page


def _other_dashboards() -> dashboard.DashboardLink:
    link = dashboard.DashboardLink("Dashboards of the stack").type(DashboardLinkType.DASHBOARDS)
    return link.tags([TAG]).as_dropdown(True).include_vars(True).keep_time(True)


def _variable(variable: Variable) -> dashboard.QueryVariable:
    query = f"label_values({variable.selector}, {variable.label})"
    choice = dashboard.QueryVariable(variable.name).label(variable.name.capitalize()).datasource(SOURCE)
    choice = choice.query({"query": query, "refId": variable.name}).refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    # .* also selects series without the label: processes outside of Kubernetes
    choice = choice.multi(True).include_all(True).all_value(".*")
    return choice.current(VariableOption(selected=True, text="All", value="$__all"))


def _panel(panel: Panel) -> stat.Panel | timeseries.Panel:
    chart = stat.Panel().height(STAT_HEIGHT) if panel.stat else _chart(panel)
    chart = chart.title(panel.title).datasource(SOURCE).unit(panel.unit.grafana)
    chart = chart.description(panel.description) if panel.description else chart
    chart = chart.span(panel.width).thresholds(_thresholds(panel.thresholds)).interval(MIN_STEP)
    chart = chart.data_links([_link(link) for link in panel.links])
    for ref, query in zip("ABCDEFGH", panel.queries, strict=False):
        chart = chart.with_target(_target(query, ref))
    return chart


def _chart(panel: Panel) -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    chart = timeseries.Panel().height(HEIGHT).min(0).fill_opacity(10).legend(legend.show_legend(True))
    chart = chart.show_points(VisibilityMode.AUTO)
    if not panel.thresholds:
        return chart
    return chart.thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED))


def _target(query: Query, ref: str) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(ref).range()
    return target.exemplar(query.exemplars).interval(MIN_STEP)


def _thresholds(values: tuple[float, ...]) -> dashboard.ThresholdsConfig:
    steps = [Threshold(value=value, color=color) for value, color in zip((None, *values), COLORS, strict=False)]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def _link(link: Link) -> dashboard.DashboardLink:
    return dashboard.DashboardLink(link.title).url(explore_url(link)).target_blank(True)


def explore_url(link: Link) -> str:
    """Return the path of Grafana's Explore with the link's query, for the time range of the dashboard."""
    query = {"refId": "A", "datasource": {"uid": link.data_source}, **link.query}
    pane = {"datasource": link.data_source, "queries": [query], "range": {"from": "${__from}", "to": "${__to}"}}
    panes = json.dumps({"a": pane}, separators=(",", ":"))
    return "/explore?" + urlencode({"schemaVersion": 1, "panes": panes}, safe="${}_.", quote_via=quote)
